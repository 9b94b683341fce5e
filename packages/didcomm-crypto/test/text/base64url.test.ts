import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64url, encodeBase64url } from "../../src/text/base64url.ts";

describe("base64url", () => {
  it("round-trips", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeBase64url(encodeBase64url(bytes))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it("has one encoding per byte string", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.stringMatching(/^[\w-]*$/)), (text) => {
        const bytes = decodeBase64url(text);
        expect(bytes === undefined ? text : encodeBase64url(bytes)).toBe(text);
      }),
    );
  });

  it.each(["A", "AB", "AAA=", "AA==", "+/+/", "AA AA", "AAAA\n", "ÀAAA"])("rejects %j", (text) => {
    expect(decodeBase64url(text)).toBeUndefined();
  });
});
