import { z } from "zod";
import type { ExitCode } from "../cli-error.ts";

/** Schema of {@link ExitCode}. */
export const exitCode: z.ZodType<ExitCode> = z.union([
  z.literal(0),
  z.literal(1),
  z.literal(2),
  z.literal(3),
  z.literal(4),
  z.literal(5),
  z.literal(130),
  z.literal(143),
]);

/** What a failed command writes to standard error with `--json`. */
export interface ErrorOutput {
  readonly error: { readonly code: string; readonly message: string; readonly remedy?: string | undefined; readonly exit: ExitCode };
}

/** Schema of {@link ErrorOutput}. */
export const error: z.ZodType<ErrorOutput> = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    remedy: z.string().optional(),
    exit: exitCode,
  }),
});
