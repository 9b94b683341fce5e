import { expect } from "vitest";
import { MlsEngineError, type MlsEngineErrorCode } from "../src/errors.ts";

/** Expects that a call throws an MlsEngineError with this code. */
export function expectMlsError(call: () => unknown, code: MlsEngineErrorCode): void {
  expect(codeThrownBy(call)).toBe(code);
}

/** The code of the MlsEngineError that a call throws; `undefined` when it throws nothing. Whatever else it throws goes on. */
export function codeThrownBy(call: () => unknown): MlsEngineErrorCode | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof MlsEngineError) return error.code;
    throw error;
  }
  return undefined;
}
