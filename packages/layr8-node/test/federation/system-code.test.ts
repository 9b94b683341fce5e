import { ParleyError } from "@parley/core";
import { describe, expect, it } from "vitest";
import { systemCodeOf } from "../../src/federation/outbound/system-code.ts";

const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });

describe("systemCodeOf", () => {
  it.each([
    ["of a failure itself", refused, "ECONNREFUSED"],
    ["of its cause", new ParleyError("fetch_failed", "x", { cause: refused }), "ECONNREFUSED"],
    ["of neither", new ParleyError("fetch_failed", "x", { cause: new Error("y") }), undefined],
    ["of no error", "ECONNREFUSED", undefined],
  ])("is the code %s", (_, error, code) => {
    expect(systemCodeOf(error)).toBe(code);
  });

  it("ends with a chain that doesn't", () => {
    const error = new Error("x");
    error.cause = error;
    expect(systemCodeOf(error)).toBeUndefined();
  });
});
