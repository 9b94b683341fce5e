import { describe, expect, it } from "vitest";
import { readNumbers } from "../../src/internal/index.ts";

const DEFAULTS = { maxSize: 10, timeoutMs: 500 };

describe("readNumbers", () => {
  it("takes what is given and the defaults for the rest", () => {
    expect(readNumbers("limits", DEFAULTS, { maxSize: 0.5 })).toEqual({ maxSize: 0.5, timeoutMs: 500 });
    expect(readNumbers("limits", DEFAULTS, {})).toEqual(DEFAULTS);
    expect(readNumbers("limits", DEFAULTS, { maxSize: Infinity }).maxSize).toBe(Infinity);
  });

  it.each(["maxsize", "toString", "__proto__x"])("rejects the unknown option %s", (option) => {
    expect(() => readNumbers("limits", DEFAULTS, { [option]: 1 })).toThrow(
      new RegExp(`^Unknown option "limits\\.${option}"\\. .*Valid options: maxSize, timeoutMs$`),
    );
  });

  it.each([0, -1, Number.NaN, "7", null, undefined, [1], 1n])("rejects %s as a value", (value) => {
    expect(() => readNumbers("limits", DEFAULTS, { maxSize: value as number })).toThrow(
      new TypeError("limits.maxSize must be a number greater than 0"),
    );
  });

  it.each([null, 1, "maxSize", [1]])("rejects %j in place of the options", (given) => {
    expect(() => readNumbers("limits", DEFAULTS, given as object)).toThrow(new TypeError("limits must be an object"));
  });
});
