import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { jsonFault } from "../../src/internal/index.ts";

/** A name in JSON, every character of it escaped. */
function escaped(name: string): string {
  return `"${Array.from({ length: name.length }, (_, i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")}"`;
}

function depthOf(value: unknown): number {
  return typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
}

describe("jsonFault", () => {
  it("finds none in what JSON.stringify writes, and counts its levels", () => {
    const space = fc.constantFrom(undefined, 1, "\t", "\n");
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), space, (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const depth = depthOf(value);
        expect(jsonFault(text, depth)).toBeUndefined();
        expect(jsonFault(`[${text}]`, depth)).toBe("deep");
      }),
    );
  });

  it("finds a member that is there twice, however it is spelt", () => {
    const spelling = fc.constantFrom(JSON.stringify, escaped);
    fc.assert(
      fc.property(fc.string(), spelling, spelling, fc.constantFrom("", " ", "\r\n\t"), (name, first, second, space) => {
        const text = `[{"b":"}",${JSON.stringify(`${name}x`)}:{},"a":{${first(name)}${space}:"1",${second(name)}:2}}]`;
        fc.pre(!["a", "b"].includes(`${name}x`));
        expect(JSON.parse(text)).toBeTypeOf("object");
        expect(jsonFault(text, 3)).toBe("duplicate");
      }),
    );
  });

  it("takes the same name in other objects, and names in texts, for what they are", () => {
    const value = { a: { a: [{ a: 1 }, { a: 2 }] }, b: '"a":1,"a":2', 'c"': '\\"a":', "\\": "\\" };
    expect(jsonFault(JSON.stringify(value), 4)).toBeUndefined();
  });

  it("throws nothing, whatever the text is", () => {
    const piece = fc.constantFrom("{", "}", "[", "]", '"', "\\", ":", ",", "a", "1", " ", "\\u0061", "\\u");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect([undefined, "deep", "duplicate"]).toContain(jsonFault(pieces.join(""), 3));
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });
});
