import { z } from "zod";
import type { ContextsOutput } from "../context/context.ts";

/** The result of `parley context list`. */
export const contexts: z.ZodType<ContextsOutput> = z.strictObject({
  contexts: z.array(
    z.strictObject({
      name: z.string(),
      current: z.boolean(),
      nodeUrl: z.string().optional(),
      apiUrl: z.string().optional(),
      relayUrl: z.string().optional(),
      variables: z.array(z.string()),
    }),
  ),
});
