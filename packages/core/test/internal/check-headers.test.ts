import { validateHeaderName, validateHeaderValue } from "node:http";
import { describe, expect, it } from "vitest";
import { checkHeaders } from "../../src/internal/check-headers.ts";

const CHARACTERS = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code));

function accepts(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

describe("checkHeaders", () => {
  it("accepts the names and values that node:http accepts", () => {
    for (const character of CHARACTERS) {
      const text = `a${character}`;
      expect(accepts(() => checkHeaders("key", { [text]: "" }))).toBe(accepts(() => validateHeaderName(text)));
      const isValue = accepts(() => validateHeaderValue("x", text));
      expect(accepts(() => checkHeaders("key", { x: text }))).toBe(isValue);
      expect(accepts(() => checkHeaders(text))).toBe(isValue);
    }
    expect(accepts(() => checkHeaders("key", { "": "" }))).toBe(false);
  });

  it("names the header, and does not repeat a value, which can be secret", () => {
    expect(() => checkHeaders("secret\n")).toThrow(new TypeError("apiKey has characters that a header can't carry"));
    expect(() => checkHeaders("")).toThrow(new TypeError("apiKey must be a string that is not empty"));
    expect(() => checkHeaders("key", { cookie: "secret\n" })).toThrow(
      new TypeError('headers["cookie"] has characters that a header can\'t carry'),
    );
    expect(() => checkHeaders("key", { "x y": "z" })).toThrow(new TypeError('headers has an invalid name: "x y"'));
    expect(() => checkHeaders("key", { x: 7 })).toThrow(new TypeError('headers["x"] must be a string'));
  });
});
