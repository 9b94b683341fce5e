import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import { systemReason } from "@parley/core/internal";

/**
 * Why a store refused.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `locked` | another process, or another part of this one, has the store open | yes |
 * | `unusable` | the directory can't be created, read, written or locked | no |
 * | `wrong_key` | the store is encrypted under another key, or under none though one was given, or the reverse | no |
 * | `format_unsupported` | written by a later version of this library | no |
 * | `damaged` | what is on disk is not what was written | no |
 * | `failed` | reading or writing failed: the disk is full or failing. The message names the reason and the directory | yes |
 * | `closed` | the store or the partition has been closed | no |
 */
export type StoreErrorCode = "locked" | "unusable" | "wrong_key" | "format_unsupported" | "damaged" | "failed" | "closed";

/** A store that can't be opened, read or written; `retryable` follows from the code. Messages never hold rows or keys. */
export class StoreError extends ParleyError<StoreErrorCode> {
  override readonly name: string = "StoreError";

  constructor(code: StoreErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: code === "locked" || code === "failed" });
  }
}

/** The StoreError for a failed read or write: `…: no space left on device, /var/lib/agent`. */
export function failureOf(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError("failed", `Reading or writing the store failed: ${systemReason(error)}, ${directory}`, { cause: error });
}
