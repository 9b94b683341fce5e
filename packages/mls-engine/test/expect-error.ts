import { expect } from "vitest";
import { MlsError, type MlsErrorCode } from "../src/errors.ts";

/** Expects that a call throws an MlsError with this code. */
export function expectMlsError(call: () => unknown, code: MlsErrorCode): void {
  expect(codeThrownBy(call)).toBe(code);
}

/** The code of the MlsError that a call throws; `undefined` when it throws nothing. Whatever else it throws goes on. */
export function codeThrownBy(call: () => unknown): MlsErrorCode | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
  return undefined;
}
