import { expect } from "vitest";
import { DidcommCryptoError, type DidcommCryptoErrorCode } from "../src/index.ts";

/** Expects a DidcommCryptoError with this code; gives it back. */
export function expectCryptoError(thrown: unknown, code: DidcommCryptoErrorCode): DidcommCryptoError {
  if (thrown instanceof DidcommCryptoError) expect(`${thrown.code}: ${thrown.message}`).toBe(`${code}: ${thrown.message}`);
  expect(thrown).toBeInstanceOf(DidcommCryptoError);
  return thrown as DidcommCryptoError;
}
