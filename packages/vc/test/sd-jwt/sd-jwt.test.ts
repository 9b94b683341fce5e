import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verifyCredential } from "../../src/index.ts";
import { decodeSdJwt, presentSdJwt, signSdJwt, verifySdJwt, type ClaimPath } from "../../src/sd-jwt-entry.ts";
import { expectVcError } from "../expect-error.ts";
import { makeParty, NOW, resolverOf, type TestCurve } from "../parties.ts";

const issuer = makeParty("issuer");
const holder = makeParty("holder", "P-256");
const resolver = resolverOf(issuer, holder);
const now = (): number => NOW;
const CLAIMS = {
  vct: "https://issuer.example/person",
  exp: NOW / 1000 + 3600,
  given_name: "Erika",
  birthdate: "1984-01-26",
  address: { street: "Heidestraße 17", locality: "Köln", country: "DE" },
  nationalities: ["DE", "FR", { code: "PL", since: 2001 }],
};
const DISCLOSABLE: readonly ClaimPath[] = [
  ["given_name"],
  ["birthdate"],
  ["address"],
  ["address", "street"],
  ["address", "locality"],
  ["nationalities", null],
  ["nationalities", 2, "since"],
  ["nationalities", 2],
];
const binding = { nonce: "n-1", audience: "https://verifier.example" };
const keyBinding = { privateKey: holder.key.privateKey, ...binding };

const signed = await signSdJwt(CLAIMS, { key: issuer.key, disclosable: DISCLOSABLE, holder: { kid: holder.key.kid }, now });

async function presentedClaims(disclose: readonly ClaimPath[] | "all"): Promise<JsonObject> {
  const presented = await presentSdJwt(signed, { disclose, keyBinding, now });
  const { claims } = await verifySdJwt(presented, { resolver, now, keyBinding: binding });
  const { iss, iat, cnf, ...rest } = claims;
  expect({ iss, iat, cnf }).toEqual({ iss: issuer.did, iat: NOW / 1000, cnf: { kid: holder.key.kid } });
  return rest;
}

describe("an SD-JWT VC", () => {
  it("contains no disclosable claim in its signed part", () => {
    const payload = Buffer.from(signed.split(".")[1] ?? "", "base64url").toString();
    for (const secret of ["Erika", "given_name", "Köln", "Heidestraße", '"FR"', "address"]) expect(payload).not.toContain(secret);
    expect(payload).toContain("_sd_alg");
  });

  it("discloses only the chosen claims, and what contains them", async () => {
    const { vct, exp } = CLAIMS;
    expect(await presentedClaims([])).toEqual({ vct, exp, nationalities: [] });
    expect(await presentedClaims([["given_name"]])).toEqual({ vct, exp, given_name: "Erika", nationalities: [] });
    expect(await presentedClaims([["address"]])).toEqual({ vct, exp, address: { country: "DE" }, nationalities: [] });
    expect(await presentedClaims([["address", "locality"]])).toEqual({
      vct,
      exp,
      address: { locality: "Köln", country: "DE" },
      nationalities: [],
    });
    expect(await presentedClaims([["nationalities", 1]])).toEqual({ vct, exp, nationalities: ["FR"] });
    expect(await presentedClaims([["nationalities", null]])).toEqual({ vct, exp, nationalities: ["DE", "FR", { code: "PL" }] });
    expect(await presentedClaims([["nationalities", 2, "since"]])).toEqual({ vct, exp, nationalities: [{ code: "PL", since: 2001 }] });
    expect(await presentedClaims("all")).toEqual(CLAIMS);
  });

  it("conceals elements that are selected both one by one and all together", async () => {
    const list = [
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ];
    const disclosable = [
      ["list", null],
      ["list", 1, "a"],
      ["list", null, "b"],
    ] as const;
    const token = await signSdJwt({ vct: "urn:x", list }, { key: issuer.key, disclosable, now });
    const { list: visible } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { list: object[] };
    expect(visible.map((element) => Object.keys(element))).toEqual([["..."], ["..."]]);
    const of = async (...disclose: ClaimPath[]): Promise<unknown> => {
      const some = await presentSdJwt(token, { disclose, now });
      return (await verifySdJwt(some, { resolver, now, keyBinding: "none" })).claims["list"];
    };
    expect(await of(["list", null])).toEqual([{ a: 1 }, {}]);
    expect(await of(["list", 1, "a"])).toEqual([{ a: 3 }]);
    expect(await of(["list", null, "b"], ["list", 1, "a"])).toEqual(list);
  });

  it("is verified without a key binding by its holder only", async () => {
    const verified = await verifySdJwt(signed, { resolver, now, keyBinding: "none" });
    expect(verified).toMatchObject({
      issuer: issuer.did,
      vct: CLAIMS.vct,
      headers: { alg: "EdDSA", typ: "dc+sd-jwt", kid: issuer.key.kid },
      holder: { kid: holder.key.kid },
      holdsUntil: CLAIMS.exp * 1000,
    });
    const presented = await presentSdJwt(signed, { disclose: [], keyBinding, now });
    expectVcError(await rejectionOf(verifySdJwt(presented, { resolver, now, keyBinding: "none" })), "key_binding_invalid");
  });

  it("can be decoded without being verified", async () => {
    const { claims, disclosable, headers } = await decodeSdJwt(signed);
    expect(claims).toMatchObject(CLAIMS);
    expect(headers["typ"]).toBe("dc+sd-jwt");
    expect(disclosable).toHaveLength(9);
    expect(disclosable).toContainEqual(["nationalities", 2, "since"]);
  });

  it("has different salts and digests each time", async () => {
    const options = { key: issuer.key, disclosable: [["given_name"]], now } as const;
    const [one, two] = await Promise.all([signSdJwt(CLAIMS, options), signSdJwt(CLAIMS, options)]);
    expect(one.split("~")[1]).not.toBe(two.split("~")[1]);
    expect(one.split(".")[1]).not.toBe(two.split(".")[1]);
  });

  it.each<TestCurve>(["Ed25519", "P-256", "P-384", "secp256k1"])("is bound to a JWK of %s", async (curve) => {
    const other = makeParty("other", curve);
    const own = await signSdJwt(CLAIMS, { key: issuer.key, holder: { jwk: other.publicJwk as JsonObject }, now });
    const privateKey = other.key.privateKey;
    const presented = await presentSdJwt(own, { disclose: [], keyBinding: { ...binding, privateKey }, now });
    const verified = await verifySdJwt(presented, { resolver, now, keyBinding: binding });
    expect(verified.holder).toEqual({ jwk: other.publicJwk });
    const mistaken = presentSdJwt(own, { disclose: [], keyBinding, now });
    expectVcError(await rejectionOf(mistaken), "key_binding_invalid");
  });

  it("never contains a private key of its holder", async () => {
    const jwk = { ...holder.publicJwk, d: holder.publicJwk.x } as JsonObject;
    expectVcError(await rejectionOf(signSdJwt(CLAIMS, { key: issuer.key, holder: { jwk }, now })), "key_unsupported");
  });

  it("is not accepted as a VCDM credential", async () => {
    const bare = signed.split("~")[0] ?? "";
    expectVcError(await rejectionOf(verifyCredential(bare, { resolver, now })), "typ_invalid");
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), "format_unsupported");
  });

  it.each<[string, Parameters<typeof signSdJwt>[0], Partial<Parameters<typeof signSdJwt>[1]>, string]>([
    ["without vct", { name: "x" }, {}, "claims_invalid"],
    ["with an empty vct", { vct: "" }, {}, "claims_invalid"],
    ["with the iss of another", { vct: "a", iss: "did:x:other" }, {}, "issuer_mismatch"],
    ["with an exp that is text", { vct: "a", exp: "tomorrow" }, {}, "claims_invalid"],
    ["with a cnf that names nothing", { vct: "a", cnf: {} }, {}, "claims_invalid"],
    ["too long", { vct: "a".repeat(300_000) }, {}, "too_large"],
  ])("is not signed %s", async (_, claims, options, code) => {
    expectVcError(await rejectionOf(signSdJwt(claims, { key: issuer.key, now, ...options })), code as never);
  });

  it.each<[string, JsonObject, Partial<Parameters<typeof signSdJwt>[1]>]>([
    ["a path to nothing", CLAIMS, { disclosable: [["family_name"]] }],
    ["an index beyond the end", CLAIMS, { disclosable: [["nationalities", 3]] }],
    ["a path through a text", CLAIMS, { disclosable: [["given_name", "x"]] }],
    ["an empty path", CLAIMS, { disclosable: [[]] }],
    ["a text instead of a path", CLAIMS, { disclosable: ["given_name"] as never }],
    ["vct as disclosable", CLAIMS, { disclosable: [["vct"]] }],
    ["exp as disclosable", CLAIMS, { disclosable: [["exp"]] }],
    ["a claim named _sd", { ...CLAIMS, _sd: [] }, {}],
    ["a nested claim named ...", { ...CLAIMS, list: [{ "...": "x" }] }, {}],
    ["a claim named _sd_alg", { ...CLAIMS, _sd_alg: "sha-1" }, {}],
    ["two keys of the holder", { ...CLAIMS, cnf: { kid: holder.key.kid } }, { holder: { kid: holder.key.kid } }],
    ["a relative key id of the holder", CLAIMS, { holder: { kid: "#key" } }],
  ])("throws a TypeError for %s", async (_, claims, options) => {
    expect(await rejectionOf(signSdJwt(claims, { key: issuer.key, now, ...options }))).toBeInstanceOf(TypeError);
  });

  it("is not presented without the key binding that it requires, or with a claim that it lacks", async () => {
    expectVcError(await rejectionOf(presentSdJwt(signed, { disclose: [], now })), "key_binding_missing");
    const lacking = presentSdJwt(signed, { disclose: [["family_name"]], keyBinding, now });
    expectVcError(await rejectionOf(lacking), "disclosure_invalid");
    const unbound = await signSdJwt(CLAIMS, { key: issuer.key, now });
    expectVcError(await rejectionOf(presentSdJwt(unbound, { disclose: [], keyBinding, now })), "key_binding_invalid");
    expect(await presentSdJwt(unbound, { disclose: "all", now })).toBe(unbound);
    const presented = await presentSdJwt(signed, { disclose: "all", keyBinding, now });
    expectVcError(await rejectionOf(presentSdJwt(presented, { disclose: [], keyBinding, now })), "key_binding_invalid");
  });

  it("survives any claims and any selection of them", async () => {
    const names = fc
      .stringMatching(/^[a-z]{1,4}$/)
      .filter((name) => !["iss", "iat", "nbf", "exp", "cnf", "vct", "aud", "sub", "jti"].includes(name));
    const value = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: "small" }, fc.string(), fc.integer(), fc.boolean(), fc.constant(null), tie("list"), tie("object")),
      list: fc.array(tie("value"), { maxLength: 3 }),
      object: fc.dictionary(names, tie("value"), { maxKeys: 3, noNullPrototype: true }),
    }));
    const claims = fc.dictionary(names, value.value, { minKeys: 1, maxKeys: 4, noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(claims, fc.infiniteStream(fc.boolean()), async (random, choices) => {
        const given = { ...random, vct: "urn:x" } as JsonObject;
        const paths = pathsOf(random as JsonObject).filter(() => choices.next().value === true);
        const token = await signSdJwt(given, { key: issuer.key, disclosable: paths, now });
        const { claims: all } = await verifySdJwt(token, { resolver, now, keyBinding: "none" });
        expect(all).toEqual({ ...given, iss: issuer.did, iat: NOW / 1000 });
        const wanted = paths.filter(() => choices.next().value === true);
        const some = await presentSdJwt(token, { disclose: wanted, now });
        const { disclosable } = await decodeSdJwt(some);
        const isNeeded = (path: ClaimPath): boolean => wanted.some((want) => path.every((segment, i) => segment === want[i]));
        const expected = paths.filter(isNeeded).map((path) => JSON.stringify(path));
        expect(disclosable.map((path) => JSON.stringify(path)).toSorted()).toEqual(expected.toSorted());
      }),
      { numRuns: 40 },
    );
  });
});

/** The paths of all members and elements. */
function pathsOf(value: unknown, path: ClaimPath = []): readonly ClaimPath[] {
  if (typeof value !== "object" || value === null) return [];
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  return [...entries].flatMap(([segment, member]) => [[...path, segment], ...pathsOf(member, [...path, segment])]);
}
