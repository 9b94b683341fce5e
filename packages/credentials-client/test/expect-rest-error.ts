import { expect } from "vitest";
import { RestError, type RestErrorCode } from "../src/index.ts";

/** Expects a RestError with this code (and status) and returns it. */
export function expectRestError(thrown: unknown, code: RestErrorCode, status?: number): RestError {
  expect(thrown).toBeInstanceOf(RestError);
  const { code: found, status: foundStatus } = thrown as RestError;
  expect({ code: found, status: foundStatus }).toEqual({ code, status });
  return thrown as RestError;
}
