import { ParleyError } from "@parley/core";

/** Maximum depth of the chain of causes. */
const MAX_DEPTH = 4;

/** The system or library code of a failure or of its cause, such as `ECONNREFUSED`; `undefined` without one. */
export function systemCodeOf(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    if (!(cause instanceof ParleyError) && "code" in cause && typeof cause.code === "string") return cause.code;
    cause = cause.cause;
  }
  return undefined;
}
