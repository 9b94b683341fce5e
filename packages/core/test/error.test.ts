import { describe, expect, it } from "vitest";
import { ParleyError, PlaintextError, RejectedError, NodeTransportError, type NodeTransportErrorCode } from "../src/index.ts";

describe("ParleyError", () => {
  it("has a message, a retryable flag and a cause", () => {
    const cause = new Error("why");
    expect(new ParleyError("some_code", "What", { retryable: true, cause })).toMatchObject({
      name: "ParleyError",
      code: "some_code",
      message: "What",
      retryable: true,
      cause,
    });
    expect(new ParleyError("some_code", "What")).toMatchObject({ retryable: false });
    expect("cause" in new ParleyError("some_code", "What")).toBe(false);
  });

  it("is returned unchanged by `from`, subclasses included", () => {
    const error = new PlaintextError("message_invalid", "x");
    expect(ParleyError.from(error)).toBe(error);
  });

  it.each<[unknown, string]>([
    [new TypeError("bug"), "bug"],
    ["text", "text"],
    [undefined, "undefined was thrown"],
    [{ code: 5 }, "an object was thrown: { code: 5 }"],
  ])("wraps any thrown value", (thrown, message) => {
    expect(ParleyError.from(thrown)).toMatchObject({ code: "unknown", message, retryable: false });
    expect(ParleyError.from(thrown, "mine").code).toBe("mine");
  });
});

describe("NodeTransportError", () => {
  it.each<[NodeTransportErrorCode, boolean]>([
    ["connect_failed", true],
    ["not_connected", true],
    ["disconnected", true],
    ["push_timeout", true],
    ["unauthorized", false],
    ["join_refused", false],
    ["taken_over", false],
    ["rejected", false],
    ["message_too_large", false],
    ["write_failed", false],
    ["frame_invalid", false],
    ["closed", false],
  ])("%s: retryable %s", (code, retryable) => {
    expect(new NodeTransportError(code, "x")).toMatchObject({ name: "NodeTransportError", code, retryable });
  });

  it("carries the node's reason when the node rejected", () => {
    expect(new RejectedError("rejected", "x", "unauthorized", "e.m.authz.denied")).toMatchObject({
      name: "RejectedError",
      reason: "unauthorized",
      problemCode: "e.m.authz.denied",
    });
    expect(new RejectedError("rejected", "x", "y").problemCode).toBeUndefined();
  });
});
