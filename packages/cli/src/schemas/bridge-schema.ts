import { z } from "zod";
import type { BridgeOutput } from "../bridge/run-bridge.ts";

/** A route of a bridge that has started or ended. */
export const bridge: z.ZodType<BridgeOutput> = z.strictObject({
  event: z.enum(["started", "ended"]),
  source: z.string(),
  target: z.string(),
  counters: z.record(z.string(), z.int().min(0)),
});
