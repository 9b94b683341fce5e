import { expect } from "vitest";
import { DidcommCryptoError, type DidcommCryptoErrorCode } from "../src/index.ts";

/** Expects a DidcommCryptoError with this code; gives it back. */
export function expectCryptoError(thrown: unknown, code: DidcommCryptoErrorCode): DidcommCryptoError {
  if (thrown instanceof DidcommCryptoError) expect(`${thrown.code}: ${thrown.message}`).toBe(`${code}: ${thrown.message}`);
  expect(thrown).toBeInstanceOf(DidcommCryptoError);
  return thrown as DidcommCryptoError;
}

/** What a call throws. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

/** What a promise is rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("The promise was fulfilled");
}
