import { gateOrSoak, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonObject } from "../../src/text/strict-json.ts";
import { expectCryptoError } from "../expect-error.ts";

const parse = (text: string, maxDepth = 8): unknown => parseJsonObject(text, "The text", maxDepth);

describe("parseJsonObject", () => {
  it("reads what JSON.parse reads", () => {
    const spaces = fc.constantFrom(undefined, 1, "\t", "\n");
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), spaces, (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("finds a member that is there twice, anywhere, however it is spelt", () => {
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
        expectCryptoError(
          thrownBy(() => parse(text)),
          "envelope_invalid",
        );
      }),
    );
  });

  it("takes the same name in other objects, and names in texts, for what they are", () => {
    const value = { a: { a: [{ a: 1 }, { a: 2 }] }, b: '"a":1,"a":2', 'c"': '\\"a":', "\\": "\\" };
    expect(parse(JSON.stringify(value))).toEqual(value);
  });

  it("counts levels", () => {
    expect(parse('{"a":{"b":[1]},"c":{"d":[2]}}', 3)).toBeTypeOf("object");
    expectCryptoError(
      thrownBy(() => parse('{"a":{"b":[[1]]}}', 3)),
      "too_large",
    );
  });

  it("throws nothing but a DidcommCryptoError on any text", () => {
    const piece = fc.constantFrom("{", "}", "[", "]", '"', "\\", ":", ",", "a", "1", " ", "null", "\\u0061");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        let known: unknown;
        try {
          known = JSON.parse(text);
        } catch {
          expectCryptoError(
            thrownBy(() => parse(text, 64)),
            "envelope_invalid",
          );
          return;
        }
        if (typeof known !== "object" || known === null || Array.isArray(known)) {
          expectCryptoError(
            thrownBy(() => parse(text, 64)),
            "envelope_invalid",
          );
        }
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });
});
