import { gateOrSoak, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonObject, type JsonObjectFault } from "../../src/internal/index.ts";

class Rejected extends Error {
  readonly fault: JsonObjectFault;

  constructor(fault: JsonObjectFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

const parse = (text: string, maxDepth = 8): unknown =>
  parseJsonObject(text, { name: "The text", maxDepth, createError: (fault, message) => new Rejected(fault, message) });

function expectFault(text: string, fault: RegExp, maxDepth = 8): void {
  const error = thrownBy(() => parse(text, maxDepth));
  expect(error).toBeInstanceOf(Rejected);
  expect((error as Rejected).fault).toMatch(fault);
}

describe("parseJsonObject", () => {
  it("parses objects as JSON.parse does", () => {
    const spaces = fc.constantFrom(undefined, 1, "\t", "\n");
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), spaces, (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("rejects duplicate members at any depth and in any spelling", () => {
    const escaped = (name: string): string =>
      `"${Array.from({ length: name.length }, (_, i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")}"`;
    const spelling = fc.constantFrom(JSON.stringify, escaped);
    const wrap = fc.constantFrom(
      (inner: string) => inner,
      (inner: string) => `{"a":[1,${inner}]}`,
      (inner: string) => `{"b":"}","a":${inner}}`,
    );
    fc.assert(
      fc.property(fc.string(), spelling, spelling, wrap, fc.constantFrom("", " ", "\n\t"), (name, first, second, wrap, space) => {
        const text = wrap(`{${first(name)}${space}:1,"${name.length}x":{},${second(name)}:2}`);
        if (name === `${name.length}x`) return;
        expect(JSON.parse(text)).toBeTypeOf("object");
        expectFault(text, /^duplicate$/);
      }),
    );
  });

  it("accepts equal names in different objects and inside strings", () => {
    const value = { a: { a: [{ a: 1 }, { a: 2 }] }, b: '"a":1,"a":2', 'c"': '\\"a":', "\\": "\\" };
    expect(parse(JSON.stringify(value))).toEqual(value);
  });

  it("rejects nesting beyond the limit", () => {
    expect(parse('{"a":{"b":[1]},"c":{"d":[2]}}', 3)).toBeTypeOf("object");
    expectFault('{"a":{"b":[[1]]}}', /^deep$/, 3);
  });

  it("throws only the given error, for any text", () => {
    const piece = fc.constantFrom("{", "}", "[", "]", '"', "\\", ":", ",", "a", "1", " ", "null", "\\u0061");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        let known: unknown;
        try {
          known = JSON.parse(text);
        } catch {
          expectFault(text, /^(?:duplicate|not_json)$/, 64);
          return;
        }
        if (typeof known !== "object" || known === null || Array.isArray(known)) {
          expectFault(text, /^(?:duplicate|not_object)$/, 64);
        }
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });
});
