import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64url, encodeBase64url } from "../../src/internal/index.ts";

describe("base64url", () => {
  it("round-trips, and is what Node writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = encodeBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(decodeBase64url(text)).toEqual(bytes);
      }),
    );
  });

  it.each([0x2000 - 1, 0x2000, 0x2000 + 1, 1_000_003])("round-trips %d bytes", (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) % 256);
    const text = encodeBase64url(bytes);
    expect(Buffer.from(text, "base64url").equals(bytes)).toBe(true);
    expect(Buffer.compare(decodeBase64url(text) ?? new Uint8Array(), bytes)).toBe(0);
  });

  it("reads only what it would write", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.stringMatching(/^[\w-]*$/)), (text) => {
        const bytes = decodeBase64url(text);
        expect(bytes === undefined ? text : encodeBase64url(bytes)).toBe(text);
        // Node reads anything; what it would write the same way is what counts.
        const node = Buffer.from(text, "base64url");
        expect(bytes !== undefined).toBe(node.toString("base64url") === text);
      }),
    );
  });

  it.each(["A", "AB", "AAB", "AAA=", "AA==", "+/+/", "AA AA", "AAAA\n", "ÀAAA"])("rejects %j", (text) => {
    expect(decodeBase64url(text)).toBeUndefined();
  });
});
