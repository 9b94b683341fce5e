import { StorageError } from "@parley/storage";

/** Whether a read failed because the record is damaged. */
export function isRecordDamaged(error: unknown): boolean {
  return error instanceof StorageError && error.code === "record_damaged";
}
