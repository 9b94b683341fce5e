import { ParleyError } from "@parley/core";

/**
 * Reasons for which a registry rejects a commit.
 *
 * | code | meaning |
 * | --- | --- |
 * | `conflict` | a record differs from the expected version: another commit changed it first |
 */
export type RegistryErrorCode = "conflict";

/** A rejected commit. Repeating the same commit fails again; read the records and decide again. */
export class RegistryError extends ParleyError<RegistryErrorCode> {
  override readonly name: string = "RegistryError";

  constructor(code: RegistryErrorCode, message: string) {
    super(code, message, { retryable: true });
  }
}

/** The rejection of a commit with a false expectation. */
export function conflict(): RegistryError {
  return new RegistryError("conflict", "Another commit changed these records: read them again");
}
