import { expect } from "vitest";
import { DidError, type DidErrorCode } from "../src/index.ts";

/** Expects a DidError with this code; gives it back. */
export function expectDidError(thrown: unknown, code: DidErrorCode): DidError {
  expect(thrown).toBeInstanceOf(DidError);
  expect((thrown as DidError).code).toBe(code);
  return thrown as DidError;
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

/** What a call gives; `undefined` if it throws a DidError. Whatever else it throws goes on. */
export function unlessDidError<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof DidError) return undefined;
    throw error;
  }
}
