import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a data directory can't be used.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `data_dir_locked` | another server, in this process or another one, has the directory open | yes |
 * | `data_dir_unusable` | the directory can't be created or written, or what is in it is damaged or of an unknown version | no |
 * | `record_damaged` | a record's checksum doesn't match: this record can't be read, others can | no |
 * | `storage_failed` | the disk is full or failing, or the storage is closed; nothing of that write has been stored | yes |
 */
export type StorageErrorCode = "data_dir_locked" | "data_dir_unusable" | "record_damaged" | "storage_failed";

/** A failure of a server's storage; `retryable` follows from the code. */
export class StorageError extends ParleyError<StorageErrorCode> {
  override readonly name: string = "StorageError";

  constructor(code: StorageErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: code !== "data_dir_unusable" && code !== "record_damaged" });
  }
}
