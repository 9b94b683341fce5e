import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import { systemReason } from "@parley/core/internal";

/**
 * The reason of a {@link StoreError}.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `locked` | the store is open in another process, or in another part of this one | yes |
 * | `unusable` | the directory cannot be created, read, written or locked | no |
 * | `wrong_key` | the store is encrypted under another key, is not encrypted, or is encrypted and no key was given | no |
 * | `format_unsupported` | the store was written by a later version of this library | no |
 * | `damaged` | the content of a file is not what was written | no |
 * | `failed` | reading or writing failed, for example on a full disk. The message contains the reason and the directory | yes |
 * | `closed` | the store or the partition has been closed | no |
 */
export type StoreErrorCode = "locked" | "unusable" | "wrong_key" | "format_unsupported" | "damaged" | "failed" | "closed";

/** A failed call of a store. `retryable` depends on the code. The message never contains rows or keys. */
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
