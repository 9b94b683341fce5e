import { expect } from "vitest";
import { VcError, type VcErrorCode } from "../src/index.ts";

/** Expects a VcError with this code; gives it back. */
export function expectVcError(thrown: unknown, code: VcErrorCode): VcError {
  if (thrown instanceof VcError) expect(`${thrown.code}: ${thrown.message}`).toBe(`${code}: ${thrown.message}`);
  expect(thrown).toBeInstanceOf(VcError);
  return thrown as VcError;
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
