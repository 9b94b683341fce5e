import type { KeyObject } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { gateOrSoak, rejectionOf } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VcError, type VcErrorCode } from "../../src/index.ts";
import { digestOf } from "../../src/sd-jwt/hash.ts";
import { presentSdJwt, signSdJwt, verifySdJwt } from "../../src/sd-jwt-entry.ts";
import { expectVcError } from "../expect-error.ts";
import { makeToken, partsOf } from "../forge.ts";
import { makeParty, NOW, resolverOf } from "../parties.ts";

const issuer = makeParty("issuer");
const holder = makeParty("holder", "P-256");
const attacker = makeParty("attacker", "P-256");
const stranger = makeParty("stranger");
const resolver = resolverOf(issuer, holder, attacker, stranger);
const now = (): number => NOW;
const binding = { nonce: "n-1", audience: "https://verifier.example" };
const claims = { vct: "urn:person", exp: NOW / 1000 + 3600, name: "Erika", age: 42, list: ["a", "b"] };
const options = { key: issuer.key, disclosable: [["name"], ["age"], ["list", null]], holder: { kid: holder.key.kid }, now } as const;
const credential = await signSdJwt(claims, options);
const [issuerJwt = "", nameDisclosure = "", ageDisclosure = "", elementDisclosure = ""] = credential.split("~");
const other = await signSdJwt({ ...claims, name: "Mallory" }, options);
const [, foreignDisclosure = ""] = other.split("~");
const { header, payload } = partsOf(issuerJwt);

function disclosureOf(...content: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(content)).toString("base64url");
}

/** An SD-JWT that the issuer really signed, with other header, payload and disclosures. */
function issued(
  change: JsonObject,
  disclosures: readonly string[] = [],
  headerChange: JsonObject = {},
  key: KeyObject = issuer.key.privateKey,
): string {
  return `${[makeToken({ ...header, ...headerChange }, { ...payload, ...change }, key), ...disclosures].join("~")}~`;
}

/** Adds a key binding to an SD-JWT. */
async function bound(
  sdJwt: string,
  change: JsonObject = {},
  { key = holder.key.privateKey, typ = "kb+jwt", alg = "ES256" }: { key?: KeyObject | undefined; typ?: string; alg?: string } = {},
): Promise<string> {
  const content = { iat: NOW / 1000, aud: binding.audience, nonce: binding.nonce, sd_hash: await digestOf(sdJwt, "sha-256"), ...change };
  return sdJwt + makeToken({ alg, typ }, content, alg === "none" ? undefined : key);
}

const sdJwtOf = (...disclosures: readonly string[]): string => `${[issuerJwt, ...disclosures].join("~")}~`;

describe("the verifier of an SD-JWT", () => {
  it("accepts what the holder presents", async () => {
    const presented = await bound(sdJwtOf(nameDisclosure));
    expect((await verifySdJwt(presented, { resolver, now, keyBinding: binding })).claims).toMatchObject({ name: "Erika", list: [] });
  });

  it.each<[string, VcErrorCode, () => string | Promise<string>]>([
    ["an altered disclosure", "disclosure_invalid", () => bound(sdJwtOf(disclosureOf("salt", "name", "Mallory")))],
    ["a disclosure of another credential", "disclosure_invalid", () => bound(sdJwtOf(foreignDisclosure))],
    ["the same disclosure twice", "disclosure_invalid", () => bound(sdJwtOf(nameDisclosure, nameDisclosure))],
    ["an empty disclosure", "disclosure_invalid", () => bound(sdJwtOf(""))],
    ["a disclosure that is not base64url", "disclosure_invalid", () => bound(sdJwtOf(`${nameDisclosure}=`))],
    ["a disclosure that is an object", "disclosure_invalid", () => bound(sdJwtOf(Buffer.from("{}").toString("base64url")))],
    [
      "a disclosure that closes its array early",
      "disclosure_invalid",
      () => bound(sdJwtOf(Buffer.from('["s","name",1],"x":[1]').toString("base64url"))),
    ],
    [
      "a disclosure with duplicate members",
      "disclosure_invalid",
      () => bound(sdJwtOf(Buffer.from('["s","n",{"a":1,"a":2}]').toString("base64url"))),
    ],
    ["a disclosure of one part", "disclosure_invalid", () => bound(sdJwtOf(disclosureOf("salt")))],
    ["a disclosure of four parts", "disclosure_invalid", () => bound(sdJwtOf(disclosureOf("salt", "name", 1, 2)))],
    ["a disclosure without a salt", "disclosure_invalid", () => bound(sdJwtOf(disclosureOf(1, "name", 2)))],
    ["too many disclosures", "too_large", () => bound(sdJwtOf(...Array<string>(1001).fill("WyJzIiwgMV0")))],
    ["an SD-JWT without ~", "malformed", () => issuerJwt],
    ["an SD-JWT that is too long", "too_large", () => `${issuerJwt}~${"a".repeat(300_000)}~`],
    ["a missing key binding", "key_binding_missing", () => sdJwtOf(nameDisclosure)],
    ["a key binding of another key", "signature_invalid", () => bound(sdJwtOf(nameDisclosure), {}, { key: attacker.key.privateKey })],
    ["a key binding without a signature", "alg_not_allowed", () => bound(sdJwtOf(nameDisclosure), {}, { alg: "none" })],
    ["a key binding with the algorithm of another key", "alg_not_allowed", () => bound(sdJwtOf(nameDisclosure), {}, { alg: "ES384" })],
    ["a key binding with the wrong typ", "typ_invalid", () => bound(sdJwtOf(nameDisclosure), {}, { typ: "JWT" })],
    ["a key binding for another nonce", "nonce_mismatch", () => bound(sdJwtOf(nameDisclosure), { nonce: "n-0" })],
    ["a key binding without a nonce", "nonce_missing", () => bound(sdJwtOf(nameDisclosure), { nonce: undefined })],
    ["a key binding for another verifier", "audience_mismatch", () => bound(sdJwtOf(nameDisclosure), { aud: "https://other.example" })],
    [
      "a key binding for several verifiers",
      "audience_mismatch",
      () => bound(sdJwtOf(), { aud: [binding.audience, "https://other.example"] }),
    ],
    ["a key binding without an audience", "audience_missing", () => bound(sdJwtOf(nameDisclosure), { aud: undefined })],
    ["a key binding without iat", "claims_invalid", () => bound(sdJwtOf(nameDisclosure), { iat: undefined })],
    ["an old key binding", "signature_expired", () => bound(sdJwtOf(nameDisclosure), { iat: NOW / 1000 - 400 })],
    ["a key binding from the future", "signature_not_yet_valid", () => bound(sdJwtOf(nameDisclosure), { iat: NOW / 1000 + 400 })],
    ["a key binding that has expired", "signature_expired", () => bound(sdJwtOf(nameDisclosure), { exp: NOW / 1000 - 60 })],
    ["a key binding without sd_hash", "key_binding_invalid", () => bound(sdJwtOf(nameDisclosure), { sd_hash: undefined })],
    [
      "a disclosure added to a presentation",
      "key_binding_invalid",
      async () => (await bound(sdJwtOf(nameDisclosure))).replace(`~${nameDisclosure}~`, `~${nameDisclosure}~${ageDisclosure}~`),
    ],
    [
      "a disclosure removed from a presentation",
      "key_binding_invalid",
      async () => (await bound(sdJwtOf(nameDisclosure, ageDisclosure))).replace(`~${ageDisclosure}~`, "~"),
    ],
    ["the credential as its own key binding", "typ_invalid", () => `${sdJwtOf()}${issuerJwt}`],
    ["an unsigned credential", "alg_not_allowed", () => bound(`${makeToken({ ...header, alg: "none" }, payload)}~`)],
    ["a credential signed by another", "signature_invalid", () => bound(issued({}, [], {}, stranger.key.privateKey))],
    ["the issuer of another key", "issuer_mismatch", () => bound(issued({}, [], { kid: stranger.key.kid }, stranger.key.privateKey))],
    ["an issuer that is a URL", "claims_invalid", () => bound(issued({ iss: "https://issuer.example" }))],
    ["the typ of another kind", "typ_invalid", () => bound(issued({}, [], { typ: "vc+jwt" }))],
    ["the typ of a key binding", "typ_invalid", () => bound(issued({}, [], { typ: "kb+jwt" }))],
    ["no typ", "typ_invalid", () => bound(issued({}, [], { typ: undefined }))],
    ["a critical extension", "crit_unsupported", () => bound(issued({}, [], { crit: ["x"], x: 1 }))],
    ["an unknown hash function", "alg_not_allowed", () => bound(issued({ _sd_alg: "md5" }))],
    ["a hash function named like a member of objects", "alg_not_allowed", () => bound(issued({ _sd_alg: "constructor" }))],
    ["a credential without vct", "claims_invalid", () => bound(issued({ vct: undefined }))],
    ["an expired credential", "expired", () => bound(issued({ exp: NOW / 1000 - 60 }))],
    ["a credential that is not valid yet", "not_yet_valid", () => bound(issued({ nbf: NOW / 1000 + 60 }))],
    ["a credential that is bound to no key", "key_binding_missing", () => bound(issued({ cnf: undefined }))],
    ["a cnf with two keys", "claims_invalid", () => bound(issued({ cnf: { kid: holder.key.kid, jwk: {} } }))],
    ["a cnf with a private key", "key_unsupported", () => bound(issued({ cnf: { jwk: { ...holder.publicJwk, d: "AA" } as JsonObject } }))],
    ["a cnf with a relative key id", "kid_invalid", () => bound(issued({ cnf: { kid: "key" } }))],
    ["_sd that is not a list", "disclosure_invalid", () => bound(issued({ _sd: "x" }))],
    ["a digest that is not a string", "disclosure_invalid", () => bound(issued({ _sd: [1] }))],
    ["the same digest twice", "disclosure_invalid", () => bound(issued({ _sd: ["x", "x"] }))],
    ["the same digest in two places", "disclosure_invalid", () => bound(issued({ _sd: ["x"], list: [{ "...": "x" }] }))],
    ["a member ... beside others", "disclosure_invalid", () => bound(issued({ list: [{ "...": "x", a: 1 }] }))],
    ["a member ... outside of a list", "disclosure_invalid", () => bound(issued({ claim: { "...": "x" } }))],
  ])("rejects %s", async (_, code, make) => {
    const presented = await make();
    expectVcError(await rejectionOf(verifySdJwt(presented, { resolver, now, keyBinding: binding })), code);
  });

  it.each<[string, VcErrorCode, readonly unknown[], JsonObject]>([
    ["a claim named _sd", "disclosure_invalid", ["s", "_sd", ["x"]], {}],
    ["a claim named ...", "disclosure_invalid", ["s", "...", "x"], {}],
    ["a claim that is visible too", "disclosure_invalid", ["s", "vct", "urn:other"], {}],
    ["the claim iss", "claims_invalid", ["s", "iss", "did:x:other"], { iss: undefined }],
    ["the claim exp", "claims_invalid", ["s", "exp", 9_999_999_999], { exp: undefined }],
    ["the claim cnf", "claims_invalid", ["s", "cnf", { kid: attacker.key.kid }], { cnf: undefined }],
    ["the claim status", "claims_invalid", ["s", "status", {}], {}],
    ["a digest of _sd that occurs twice", "disclosure_invalid", ["s", "a", { _sd: ["x", "x"] }], {}],
    ["an _sd that is not a list, in its value", "disclosure_invalid", ["s", "a", { _sd: {} }], {}],
    ["an element of a list, as a member", "disclosure_invalid", ["s", "x"], {}],
  ])("rejects a disclosure, signed by the issuer, of %s", async (_, code, content, change) => {
    const disclosure = disclosureOf(...content);
    const sdJwt = issued({ ...change, _sd: [await digestOf(disclosure, "sha-256")] }, [disclosure]);
    expectVcError(await rejectionOf(verifySdJwt(await bound(sdJwt), { resolver, now, keyBinding: binding })), code);
  });

  it("rejects a member as an element of a list", async () => {
    const disclosure = disclosureOf("s", "name", "x");
    const sdJwt = issued({ list: [{ "...": await digestOf(disclosure, "sha-256") }] }, [disclosure]);
    expectVcError(await rejectionOf(verifySdJwt(await bound(sdJwt), { resolver, now, keyBinding: binding })), "disclosure_invalid");
  });

  it("rejects disclosures nested in disclosures without end", async () => {
    const disclosures: string[] = [];
    let value: unknown = "x";
    for (let i = 0; i < 100; i++) {
      const disclosure = disclosureOf("s", "a", value);
      disclosures.push(disclosure);
      value = { _sd: [await digestOf(disclosure, "sha-256")] };
    }
    const sdJwt = issued(value as JsonObject, disclosures);
    expectVcError(await rejectionOf(verifySdJwt(await bound(sdJwt), { resolver, now, keyBinding: binding })), "too_large");
  });

  it("gives a claim named __proto__ no power over others", async () => {
    const disclosure = Buffer.from('["s","__proto__",{"admin":true}]').toString("base64url");
    const sdJwt = issued({ _sd: [await digestOf(disclosure, "sha-256")] }, [disclosure]);
    const verified = await verifySdJwt(await bound(sdJwt), { resolver, now, keyBinding: binding });
    expect(verified.claims["admin"]).toBeUndefined();
    expect(Object.hasOwn(verified.claims, "__proto__")).toBe(true);
  });

  it("ignores digests without a disclosure, such as decoys", async () => {
    const sdJwt = issued({ _sd: ["decoy"], list: [{ "...": "other decoy" }, "b"] });
    const { claims: read } = await verifySdJwt(await bound(sdJwt), { resolver, now, keyBinding: binding });
    expect(read).toMatchObject({ list: ["b"] });
    expect(read).not.toHaveProperty("_sd");
  });

  it("rejects a key that the holder's document does not list for authentication", async () => {
    const unlisted = makeParty("unlisted", "P-256", ["assertionMethod"]);
    const sdJwt = issued({ cnf: { kid: unlisted.key.kid } });
    const presented = await bound(sdJwt, {}, { key: unlisted.key.privateKey });
    const error = await rejectionOf(verifySdJwt(presented, { resolver: resolverOf(issuer, unlisted), now, keyBinding: binding }));
    expectVcError(error, "key_purpose");
  });

  it("rejects any change of a character", async () => {
    const presented = await presentSdJwt(credential, {
      disclose: "all",
      keyBinding: { ...binding, privateKey: holder.key.privateKey },
      now,
    });
    expect(presented).toContain(elementDisclosure);
    for (let at = 0; at < presented.length; at += 7) {
      const changed = `${presented.slice(0, at)}${presented[at] === "A" ? "B" : "A"}${presented.slice(at + 1)}`;
      const error = await rejectionOf(verifySdJwt(changed, { resolver, now, keyBinding: binding }));
      expect(error).toHaveProperty("name", "VcError");
    }
  });

  it("never accepts a changed text as something else", async () => {
    const privateKey = holder.key.privateKey;
    const presented = await presentSdJwt(credential, { disclose: [["name"], ["list", 0]], keyBinding: { ...binding, privateKey }, now });
    const accepted = (await verifySdJwt(presented, { resolver, now, keyBinding: binding })).claims;
    const parts = [...presented.split("~"), ageDisclosure, foreignDisclosure, issuerJwt, ""];
    const position = fc.nat(presented.length);
    const changed = fc.oneof(
      position.map((at) => presented.slice(0, at)),
      position.map((at) => presented.slice(at)),
      fc.tuple(position, fc.string({ maxLength: 3 })).map(([at, text]) => presented.slice(0, at) + text + presented.slice(at)),
      fc.tuple(position, fc.nat(40)).map(([at, length]) => presented.slice(0, at) + presented.slice(at + length)),
      fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 6 }).map((some) => some.join("~")),
    );
    await fc.assert(
      fc.asyncProperty(changed, async (text) => {
        const outcome = await verifySdJwt(text, { resolver, now, keyBinding: binding }).then(
          ({ claims: read }) => (text.trim() === presented ? read : "another text was accepted"),
          (error: unknown) => (error instanceof VcError ? accepted : error),
        );
        expect(outcome).toEqual(accepted);
      }),
      { numRuns: gateOrSoak(300, 20_000) },
    );
  });

  it.each([undefined, {}, { nonce: "n" }, { audience: "a" }, { nonce: "", audience: "a" }, { ...binding, maxAgeMs: Number.NaN }])(
    "throws a TypeError for the key binding %j",
    async (keyBinding) => {
      const error = await rejectionOf(verifySdJwt(credential, { resolver, now, keyBinding: keyBinding as never }));
      expect(error).toBeInstanceOf(TypeError);
    },
  );
});
