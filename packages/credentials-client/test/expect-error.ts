import { expect } from "vitest";
import { RestError, type RestErrorCode } from "../src/index.ts";

/** Expects a RestError with this code (and status); gives it back. */
export function expectRestError(thrown: unknown, code: RestErrorCode, status?: number): RestError {
  expect(thrown).toBeInstanceOf(RestError);
  const { code: found, status: foundStatus } = thrown as RestError;
  expect({ code: found, status: foundStatus }).toEqual({ code, status });
  return thrown as RestError;
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

/** What a call throws. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}
