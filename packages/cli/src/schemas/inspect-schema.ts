import { z } from "zod";
import type { InspectOutput } from "../inspect/inspect.ts";

const problem = z.strictObject({ code: z.string(), message: z.string() });

/** What is known about an agent. */
export const inspected: z.ZodType<InspectOutput> = z.strictObject({
  did: z.string(),
  keys: z.array(z.strictObject({ id: z.string(), type: z.string(), purposes: z.array(z.string()) })),
  endpoints: z.array(z.string()),
  protocols: z.array(z.string()),
  documentProblem: problem.optional(),
  protocolsProblem: problem.optional(),
});
