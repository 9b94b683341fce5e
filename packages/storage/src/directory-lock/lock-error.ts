import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a directory could not be locked.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `locked` | another process, or another part of this one, holds the lock | yes |
 * | `unusable` | the directory does not exist, can't be created, read or written, its file system supports no sockets or hard links, or an entry is not a regular file | no |
 */
export type LockErrorCode = "locked" | "unusable";

/** A directory could not be locked; `retryable` follows from the code. */
export class LockError extends ParleyError<LockErrorCode> {
  override readonly name: string = "LockError";

  constructor(code: LockErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: code === "locked" });
  }
}
