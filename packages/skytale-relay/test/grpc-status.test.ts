import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { codeOf, statusOf } from "../src/grpc-status.ts";
import { RelayError } from "../src/relay-error.ts";

it.each(["unauthenticated", "permission_denied", "invalid_argument", "resource_exhausted", "unavailable", "timeout", "internal"] as const)(
  "%s is restored from its gRPC status",
  (code) => {
    expect(codeOf(statusOf(code))).toBe(code);
  },
);

it.each([
  [status.UNIMPLEMENTED, "invalid_argument", false],
  [status.NOT_FOUND, "invalid_argument", false],
  [status.CANCELLED, "unavailable", true],
  [status.UNKNOWN, "internal", true],
  [status.ALREADY_EXISTS, "internal", true],
])("maps the foreign status %d to %s", (code, expected, retryable) => {
  expect(codeOf(code)).toBe(expected);
  expect(new RelayError(codeOf(code), "").retryable).toBe(retryable);
});
