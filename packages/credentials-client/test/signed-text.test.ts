import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nonceOf, signedKind } from "../src/signed-text.ts";

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (header: unknown, payload: unknown): string => `${part(header)}.${part(payload)}.c2ln`;

describe("signedKind", () => {
  it.each([
    ["vp+jwt", jwt({ typ: "vp+jwt" }, {})],
    ["application/VP+JWT", jwt({ typ: "application/VP+JWT" }, {})],
    ["a vp claim (VCDM 1.1)", jwt({ typ: "JWT" }, { vp: {} })],
    ["no typ, but a presentation", jwt({}, { type: ["VerifiablePresentation"] })],
    ["an embedded proof", JSON.stringify({ type: ["VerifiablePresentation", "Other"], proof: {} })],
    ["an envelope", ` \n${JSON.stringify({ type: "EnvelopedVerifiablePresentation" })}`],
  ])("classifies %s as a presentation", (_, signed) => {
    expect(signedKind(signed)).toBe("presentation");
  });

  it.each([
    ["vc+jwt", jwt({ typ: "vc+jwt" }, { vp: {}, type: "VerifiablePresentation" })],
    ["a vc claim (VCDM 1.1)", jwt({ typ: "JWT" }, { vc: {} })],
    ["an embedded proof", JSON.stringify({ type: ["VerifiableCredential"], proof: {} })],
    ["an envelope", JSON.stringify({ type: "EnvelopedVerifiableCredential" })],
    ["nothing", ""],
    ["rubbish", "{."],
    ["rubbish in a JWT", "a.b.c"],
    ["types that are not strings", JSON.stringify({ type: [{ VerifiablePresentation: 1 }, null] })],
  ])("classifies %s as a credential", (_, signed) => {
    expect(signedKind(signed)).toBe("credential");
  });

  it("classifies any text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((text) => jwt(text, text)),
        ),
        (text) => /^(?:credential|presentation)$/.test(signedKind(text)),
      ),
    );
  });
});

describe("nonceOf", () => {
  it.each([
    ["a JWT", jwt({ typ: "vp+jwt" }, { nonce: "n" })],
    ["an envelope", JSON.stringify({ id: `data:application/vp+jwt,${jwt({}, { nonce: "n" })}` })],
    ["an embedded proof", JSON.stringify({ proof: { challenge: "n" } })],
  ])("finds the nonce of %s", (_, signed) => {
    expect(nonceOf(signed)).toBe("n");
  });

  it.each([
    ["a JWT", jwt({ nonce: "n" }, { nonce: { n: 1 } })],
    ["an envelope", JSON.stringify({ id: "data:application/vp+jwt,rubbish", nonce: "n", proof: { challenge: "n" } })],
    ["an embedded proof", JSON.stringify({ nonce: "n", proof: [{ challenge: "n" }] })],
    ["rubbish", "nonce"],
  ])("ignores a nonce outside of the signed part: %s", (_, signed) => {
    expect(nonceOf(signed)).toBeUndefined();
  });
});
