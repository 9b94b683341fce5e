import { ParleyError } from "@parley/core";
import { truncate } from "../json.ts";
import { VcError } from "../vc-error.ts";

/** The error for a status list that could not be fetched. Says why only if that is in our own words, because others' may name internal addresses. */
export function unfetchable(url: string, cause: unknown): VcError {
  const why = cause instanceof VcError ? `${cause.message} (${truncate(url)})` : `The status list at ${truncate(url)} cannot be fetched`;
  return new VcError("status_unavailable", why, { cause, retryable: cause instanceof ParleyError ? cause.retryable : true });
}
