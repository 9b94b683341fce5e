import { expect } from "vitest";
import { VcError, type VcErrorCode } from "../src/index.ts";

/** Expects a VcError with this code; gives it back. */
export function expectVcError(thrown: unknown, code: VcErrorCode): VcError {
  if (thrown instanceof VcError) expect(`${thrown.code}: ${thrown.message}`).toBe(`${code}: ${thrown.message}`);
  expect(thrown).toBeInstanceOf(VcError);
  return thrown as VcError;
}
