import { expect } from "vitest";
import { DidError, type DidErrorCode } from "../src/index.ts";

/** Expects a DidError with this code; gives it back. */
export function expectDidError(thrown: unknown, code: DidErrorCode): DidError {
  expect(thrown).toBeInstanceOf(DidError);
  expect((thrown as DidError).code).toBe(code);
  return thrown as DidError;
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
