import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../../../../packages/core/src/index.ts";
import { VcError } from "../../../../packages/vc/src/index.ts";
import { decodeSdJwt, presentSdJwt, signSdJwt, verifySdJwt, type ClaimPath } from "../../../../packages/vc/src/sd-jwt-entry.ts";
import { digestOf } from "../../../../packages/vc/src/sd-jwt/hash.ts";
import { makeToken } from "../../../../packages/vc/test/forge.ts";
import { makeParty, NOW, resolverOf } from "../../../../packages/vc/test/parties.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";
import { listOf, objectOf, readDraft, type Json } from "../support/read-json.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const BINDING = { nonce: "n-1", audience: "https://verifier.example" };
const now = (): number => NOW;

/**
 * SD-JWTs. A draft with `payload` is signed as it is, with its disclosures and a key binding; a string `@<n>` in it is the digest of the n-th
 * disclosure. A draft with `claims` is issued, presented and verified, which must give back the claims.
 */
export const open: OpenTarget = async () => {
  const issuer = makeParty("issuer");
  const holder = makeParty("holder", "P-256");
  const resolver = resolverOf(issuer, holder);

  /** The text of a draft, with the digests of its disclosures where it refers to them: those of earlier ones in later ones. */
  async function sign(draft: Json): Promise<string> {
    const disclosures: string[] = [];
    const digests: string[] = [];
    const withDigests = (value: unknown): string =>
      JSON.stringify(value ?? null).replaceAll(/"@(\d)"/g, (reference, n: string) => JSON.stringify(digests[Number(n)] ?? reference));
    for (const content of listOf(draft["disclosures"])) {
      const text = Buffer.from(withDigests(content)).toString("base64url");
      disclosures.push(text);
      digests.push(await digestOf(text, "sha-256"));
    }
    const header = { alg: "EdDSA", typ: "dc+sd-jwt", kid: issuer.key.kid, ...objectOf(draft["header"]) };
    const payload = JSON.parse(withDigests(draft["payload"])) as JsonObject;
    const token = makeToken(header, { vct: "urn:x", iss: issuer.did, cnf: { kid: holder.key.kid }, ...payload }, issuer.key.privateKey);
    const bound = `${[token, ...disclosures].join("~")}~`;
    const binding = { iat: NOW / 1000, aud: BINDING.audience, nonce: BINDING.nonce, sd_hash: await digestOf(bound, "sha-256") };
    const content = { ...binding, ...objectOf(draft["keyBinding"]) } as JsonObject;
    return bound + makeToken({ alg: "ES256", typ: "kb+jwt" }, content, holder.key.privateKey);
  }

  async function issue(draft: Json): Promise<void> {
    const claims = { ...objectOf(draft["claims"]), vct: "urn:x" } as JsonObject;
    const disclosable = listOf(draft["disclosable"]) as ClaimPath[];
    const options = { key: issuer.key, disclosable, now } as const;
    const signed = await tolerate([VcError, TypeError], () => signSdJwt(claims, options));
    if (signed === undefined) return;
    const verified = await tolerate([VcError], () => verifySdJwt(signed, { resolver, now, status: "ignore", keyBinding: "none" }));
    // Issued with dates that are not now, or with a `cnf` of its own.
    if (verified === undefined) return;
    const expected = JSON.parse(JSON.stringify({ iss: issuer.did, iat: NOW / 1000, ...claims })) as JsonObject;
    if (!isDeepStrictEqual(verified.claims, expected)) throw new Error("The verified claims are not those that were signed");
    const none = await tolerate([VcError], () => presentSdJwt(signed, { disclose: [], now }));
    if (none === undefined) return;
    const { disclosable: left } = await decodeSdJwt(none);
    if (left.length > 0) throw new Error("A presentation discloses what was not chosen");
  }

  const seeds = [
    {
      payload: { _sd: ["@0", "decoy"], list: [{ "...": "@1" }] },
      disclosures: [
        ["s", "name", "Erika"],
        ["s", "element"],
      ],
    },
    {
      payload: { _sd: ["@2"] },
      disclosures: [
        ["s", "a", 1],
        ["s", 2],
        ["s", "o", { _sd: ["@0"], l: [{ "...": "@1" }] }],
      ],
    },
    {
      payload: { exp: 2_000_000_000, nbf: 1, status: { status_list: { idx: 1, uri: "https://a.example" } } },
      header: { kid: "did:x:issuer" },
    },
    { payload: { _sd_alg: "sha-512", cnf: { jwk: holder.publicJwk } }, keyBinding: { exp: 1 } },
    { claims: { a: { b: [1, { c: null }] }, d: "x" }, disclosable: [["a"], ["a", "b", null], ["a", "b", 1, "c"], ["d"]] },
    { claims: { exp: 2_000_000_000, cnf: { kid: "did:x:holder#key" }, sub: "s", aud: ["a"] }, disclosable: [["sub"]] },
  ];
  return {
    format: "json",
    seeds: [...seeds.map(json), Buffer.from(await sign(seeds[0] as Json))],
    work: { base: 300_000, perByte: 1000 },
    async run(input) {
      const draft = readDraft(input) ?? {};
      if ("claims" in draft) return issue(draft);
      let text = Buffer.from(input).toString();
      if ("payload" in draft) {
        try {
          text = await sign(draft);
        } catch {
          // Such a payload can't be signed.
          return;
        }
      }
      await tolerate([VcError], () => decodeSdJwt(text));
      const status = async (): Promise<string> => text;
      await tolerate([VcError], () => verifySdJwt(text, { resolver, now, status, keyBinding: BINDING }));
      await tolerate([VcError], () => presentSdJwt(text, { disclose: "all", now }));
    },
  };
};
