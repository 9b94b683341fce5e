import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a storage operation failed.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `data_dir_locked` | another server has the directory open; the message names the directory and the process id | yes |
 * | `data_dir_unusable` | the directory can't be created or written, or its content is damaged or of an unknown version | no |
 * | `record_damaged` | the checksum of this record does not match; other records can be read | no |
 * | `closed` | the server was closed before the call | no |
 * | `storage_failed` | the disk is full or failing, or the storage is closed; nothing of this commit was stored | yes |
 */
export type StorageErrorCode = "closed" | "data_dir_locked" | "data_dir_unusable" | "record_damaged" | "storage_failed";

/** A failure of a server's storage; `retryable` follows from the code. */
export class StorageError extends ParleyError<StorageErrorCode> {
  override readonly name: string = "StorageError";

  constructor(code: StorageErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: code === "data_dir_locked" || code === "storage_failed" });
  }
}

/** Whether a read failed because the record is damaged. */
export function isRecordDamaged(error: unknown): boolean {
  return error instanceof StorageError && error.code === "record_damaged";
}
