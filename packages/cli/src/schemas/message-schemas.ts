import { z } from "zod";
import type { MessageOutput, PingOutput, ReceiptOutput, SentOutput } from "../messages/message-output.ts";

/** A received message. */
export const message: z.ZodType<MessageOutput> = z.strictObject({
  id: z.string(),
  type: z.string(),
  from: z.string().optional(),
  to: z.array(z.string()),
  thread: z.string().optional(),
  body: z.record(z.string(), z.json()),
});

/** A message that was sent. */
export const sent: z.ZodType<SentOutput> = z.strictObject({ id: z.string(), from: z.string(), to: z.string(), type: z.string() });

/** The result of a ping. */
export const ping: z.ZodType<PingOutput> = z.strictObject({ did: z.string(), ms: z.number() });

/** A receipt. */
export const receipt: z.ZodType<ReceiptOutput> = z.strictObject({
  state: z.enum(["queued", "delivered", "handled", "failed"]),
  message: z.string(),
  from: z.string(),
  time: z.number().optional(),
  code: z.string().optional(),
  digest: z.string().optional(),
  signed: z.string().optional(),
});
