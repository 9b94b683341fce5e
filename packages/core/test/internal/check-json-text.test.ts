import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { checkJsonText } from "../../src/internal/index.ts";

/** A name in JSON, every character of it escaped. */
function escaped(name: string): string {
  return `"${Array.from({ length: name.length }, (_, i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")}"`;
}

function depthOf(value: unknown): number {
  return typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
}

describe("checkJsonText", () => {
  it("accepts the output of JSON.stringify, and counts its levels", () => {
    const space = fc.constantFrom(undefined, 1, "\t", "\n");
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), space, (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const depth = depthOf(value);
        expect(checkJsonText(text, depth)).toEqual({ ok: true });
        expect(checkJsonText(`[${text}]`, depth)).toEqual({ ok: false, fault: "deep" });
      }),
    );
  });

  it("finds a repeated member, however its name is escaped", () => {
    const spelling = fc.constantFrom(JSON.stringify, escaped);
    fc.assert(
      fc.property(fc.string(), spelling, spelling, fc.constantFrom("", " ", "\r\n\t"), (name, first, second, space) => {
        const text = `[{"b":"}",${JSON.stringify(`${name}x`)}:{},"a":{${first(name)}${space}:"1",${second(name)}:2}}]`;
        fc.pre(!["a", "b"].includes(`${name}x`));
        expect(JSON.parse(text)).toBeTypeOf("object");
        expect(checkJsonText(text, 3)).toEqual({ ok: false, fault: "duplicate" });
      }),
    );
  });

  it("accepts the same name in other objects, and names within strings", () => {
    const value = { a: { a: [{ a: 1 }, { a: 2 }] }, b: '"a":1,"a":2', 'c"': '\\"a":', "\\": "\\" };
    expect(checkJsonText(JSON.stringify(value), 4)).toEqual({ ok: true });
  });

  it("does not throw for any text", () => {
    const piece = fc.constantFrom("{", "}", "[", "]", '"', "\\", ":", ",", "a", "1", " ", "\\u0061", "\\u");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const checked = checkJsonText(pieces.join(""), 3);
        expect([undefined, "deep", "duplicate"]).toContain(checked.ok ? undefined : checked.fault);
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });
});
