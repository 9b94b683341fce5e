import { ParleyError } from "@parley/core";

/** Causes of causes that are looked at. */
const MAX_DEPTH = 4;

/** The code that the system, or a library, gave a failure or what caused it: `ECONNREFUSED`; `undefined` for none. */
export function systemCodeOf(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    if (!(cause instanceof ParleyError) && "code" in cause && typeof cause.code === "string") return cause.code;
    cause = cause.cause;
  }
  return undefined;
}
