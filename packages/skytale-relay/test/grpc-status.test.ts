import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { errorOfStatus, statusOf } from "../src/grpc-status.ts";

it.each(["unauthenticated", "permission_denied", "invalid_argument", "resource_exhausted", "unavailable", "timeout", "internal"] as const)(
  "%s comes back from its gRPC status",
  (code) => {
    expect(errorOfStatus(statusOf(code), "why")).toMatchObject({ code, message: "why" });
  },
);

it("every other status has a code, and says whether to try again", () => {
  const codes = Object.values(status).filter((code) => typeof code === "number");
  for (const code of codes) expect(errorOfStatus(code, "").code).not.toBe("unknown");
  expect(errorOfStatus(status.UNIMPLEMENTED, "")).toMatchObject({ code: "invalid_argument", retryable: false });
  expect(errorOfStatus(status.CANCELLED, "")).toMatchObject({ code: "unavailable", retryable: true });
});
