import { ParleyError } from "@parley/core";

/** Whether an error, or what caused it, says that a message is too large for something. `limit` is in bytes, where the error has it. */
function sizeRefusal(error: unknown): { readonly limit: number | undefined } | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof ParleyError) || !(at as ParleyError).code.endsWith("too_large")) continue;
    const limit: unknown = "limit" in at ? at.limit : undefined;
    return { limit: typeof limit === "number" ? limit : undefined };
  }
  return undefined;
}

/** What the other side is told in place of a response that can't be sent. */
export function unsendable(what: string, bytes: number | undefined, error: unknown): string {
  const refusal = sizeRefusal(error);
  if (refusal === undefined) return `${what} can't be sent${error instanceof ParleyError ? ` (${error.code})` : ": it is not JSON"}`;
  const size = bytes === undefined ? "" : `: ${bytes} bytes`;
  return `${what} is too large${size}${refusal.limit === undefined ? ", more than the channel takes" : `, limit ${refusal.limit}`}`;
}
