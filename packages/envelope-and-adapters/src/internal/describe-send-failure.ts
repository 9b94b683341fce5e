import { ParleyError } from "@parley/core";

/** Finds an error about the size of a message among an error and its causes. `limit` is in bytes. */
function findSizeError(error: unknown): { readonly limit: number | undefined } | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof ParleyError) || !(at as ParleyError).code.endsWith("too_large")) continue;
    const limit: unknown = "limit" in at ? at.limit : undefined;
    return { limit: typeof limit === "number" ? limit : undefined };
  }
  return undefined;
}

/** The error text for the peer if a response can't be sent. `what` is the subject of the sentence. */
export function describeSendFailure(what: string, bytes: number | undefined, error: unknown): string {
  const sizeError = findSizeError(error);
  if (sizeError === undefined) return `${what} can't be sent${error instanceof ParleyError ? ` (${error.code})` : ": it is not JSON"}`;
  const size = bytes === undefined ? "" : `: ${bytes} bytes`;
  return `${what} is too large${size}${sizeError.limit === undefined ? ", more than the channel takes" : `, limit ${sizeError.limit}`}`;
}
