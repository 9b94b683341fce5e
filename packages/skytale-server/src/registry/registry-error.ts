import { ParleyError } from "@parley/core";

/**
 * Why a registry refuses a commit.
 *
 * | code | meaning |
 * | --- | --- |
 * | `conflict` | a key is not what the commit expects: somebody else was first |
 */
export type RegistryErrorCode = "conflict";

/** A commit that came too late. The same commit never succeeds; one that is decided anew may. */
export class RegistryError extends ParleyError<RegistryErrorCode> {
  override readonly name: string = "RegistryError";

  constructor(code: RegistryErrorCode, message: string) {
    super(code, message, { retryable: true });
  }
}

/** The refusal of a commit that expects what isn't so. */
export function conflict(): RegistryError {
  return new RegistryError("conflict", "Somebody else has changed these records; read them again");
}
