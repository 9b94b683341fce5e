import { z } from "zod";
import type { DevReady } from "../dev/dev.ts";
import type { DevEvent } from "../dev/event.ts";

/** First object about a running `parley dev`. */
export const devReady: z.ZodType<DevReady> = z.strictObject({
  event: z.literal("ready"),
  pid: z.int(),
  data: z.string(),
  environment: z.strictObject({
    LAYR8_NODE_URL: z.string(),
    LAYR8_API_KEY: z.string(),
    SKYTALE_API_URL: z.string(),
    SKYTALE_RELAY: z.string(),
    SKYTALE_API_KEY: z.string(),
    SKYTALE_LENS: z.string().optional(),
  }),
  console: z.string().optional(),
  secondNode: z.strictObject({ url: z.string(), domain: z.string(), consoleUrl: z.string().optional() }).optional(),
});

/** An event of the development servers. */
export const devEvent: z.ZodType<DevEvent> = z.strictObject({
  time: z.iso.datetime(),
  source: z.enum(["node", "node2", "skytale"]),
  level: z.enum(["debug", "info", "warn", "error"]),
  event: z.string(),
  id: z.string().optional(),
  type: z.string().optional(),
  from: z.string().optional(),
  to: z.array(z.string()).optional(),
  did: z.string().optional(),
  channel: z.string().optional(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
