import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyPresentation, type VcErrorCode, type VerifyPresentationOptions } from "../src/index.ts";
import { expectVcError } from "./expect-error.ts";
import { forgePresentation, FORMATS } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const holder = makeParty("holder");
const mallory = makeParty("mallory");
const issuing = makeParty("issuing", "Ed25519", ["assertionMethod"]);
const resolver = resolverOf(issuer, holder, mallory, issuing);
const credential = credentialFor(issuer, holder.did);
const now = (): number => NOW;
const signed = await signCredential(credential, { key: issuer.key, now });
const verifier = "did:x:verifier";

describe.each(FORMATS)("a presentation in %s", (format) => {
  const present = (options: { nonce?: string; audience?: string | readonly string[] } = {}): Promise<string> =>
    signPresentation([signed], { holder: holder.did, key: holder.key, format, now, ...options });

  async function expectRefused(
    presented: string,
    code: VcErrorCode,
    options: Partial<VerifyPresentationOptions> = {},
  ): Promise<ReturnType<typeof expectVcError>> {
    return expectVcError(await rejectionOf(verifyPresentation(presented, { resolver, now, ...options })), code);
  }

  function forge(document: JsonObject, party = holder): Promise<string> {
    const context = format === "jwt" ? "https://www.w3.org/2018/credentials/v1" : "https://www.w3.org/ns/credentials/v2";
    return forgePresentation({ "@context": [context], type: ["VerifiablePresentation"], ...document }, party, format);
  }

  it("with a replayed nonce is rejected", async () => {
    await expectRefused(await present({ nonce: "yesterday" }), "nonce_mismatch", { nonce: "today" });
  });

  it("without the nonce is rejected", async () => {
    await expectRefused(await present(), "nonce_missing", { nonce: "today" });
  });

  it("for another audience is rejected", async () => {
    await expectRefused(await present({ audience: "did:x:other" }), "audience_mismatch", { audience: verifier });
  });

  it("without an audience is rejected by a verifier with an audience", async () => {
    await expectRefused(await present(), "audience_missing", { audience: verifier });
  });

  it("with an audience is rejected by a verifier without one", async () => {
    await expectRefused(await present({ audience: verifier }), "audience_mismatch");
  });

  it("can have several audiences", async () => {
    const presented = await present({ audience: ["did:x:other", verifier] });
    await expect(verifyPresentation(presented, { resolver, now, audience: verifier })).resolves.toMatchObject({ holder: holder.did });
  });

  it("is rejected after its lifetime", async () => {
    const presented = await present();
    await expectRefused(presented, "signature_expired", { now: () => NOW + 330_000 });
    await expect(verifyPresentation(presented, { resolver, now: () => NOW + 329_000 })).resolves.toBeDefined();
  });

  it("with a holder other than the signer is rejected", async () => {
    await expectRefused(await forge({ holder: holder.did }, mallory), "holder_mismatch");
    await expectRefused(await forge({ holder: { id: holder.did } }, mallory), "holder_mismatch");
  });

  it("signed with a key that is not for authentication is rejected", async () => {
    await expectRefused(await forge({ holder: issuing.did }, issuing), "key_purpose");
  });

  it("without a holder has its signer as the holder", async () => {
    const presented = await forge({ verifiableCredential: [] });
    expect(await verifyPresentation(presented, { resolver, now })).toMatchObject({ holder: holder.did });
  });

  it("reports the code and the index of a rejected credential", async () => {
    const expired = await signCredential({ ...credential, validUntil: "2026-02-01T00:00:00Z" }, { key: issuer.key, now });
    const presented = await signPresentation([signed, expired], { holder: holder.did, key: holder.key, format, now });
    const error = await expectRefused(presented, "expired");
    expect(error.credentialIndex).toBe(1);
    expect(error.message).toContain("Credential 1");
    expect((await expectRefused(await present(), "nonce_missing", { nonce: "n" })).credentialIndex).toBeUndefined();
  });

  it("reports whether an error of a credential is retryable", async () => {
    const down = {
      resolve: async (did: string) => {
        if (did === issuer.did) throw Object.assign(new Error("down"), {});
        return resolver.resolve(did);
      },
    };
    const error = await expectRefused(await present(), "resolution_failed", { resolver: down });
    expect(error.credentialIndex).toBe(0);
  });

  it("with a credential that is not signed is rejected", async () => {
    const error = await expectRefused(await forge({ verifiableCredential: [credential] }), "proof_missing");
    expect(error.credentialIndex).toBe(0);
  });

  it("with too many credentials is rejected", async () => {
    const many = Array.from({ length: 33 }, () => ({}));
    await expectRefused(await forge({ verifiableCredential: many }), "too_large");
    await expectRefused(await forge({ verifiableCredential: [{}, {}] }), "too_large", { limits: { maxCredentials: 1 } });
  });

  it.each<[string, JsonObject]>([
    ["no type", { type: [] }],
    ["another type", { type: ["Presentation"] }],
    ["no context", { "@context": [] }],
    ["an empty id", { id: "" }],
    ["an id that is not a string", { id: 1 }],
    ["an id that is too long", { id: "x".repeat(2049) }],
    ["a holder that is not a URL", { holder: "holder" }],
    ["a credential that is a number", { verifiableCredential: [1] }],
  ])("with %s is rejected", async (_, members) => {
    await expectRefused(await forge(members), "presentation_invalid");
  });

  it.each(["p688ylvGBEKS", "58172aac-d8ba-11ed-83dd-0b3aef56cc33", "my id", "x".repeat(2048)])(
    "is accepted with an id that is not a URL: %s",
    async (id) => {
      const terms = { id, type: "Terms" };
      const presented = await forge({ id, holder: holder.did, termsOfUse: terms });
      expect((await verifyPresentation(presented, { resolver, now })).presentation).toMatchObject({ id, termsOfUse: terms });
    },
  );

  it("is accepted with surrounding white space", async () => {
    const presented = await present({ nonce: "n" });
    const verified = await verifyPresentation(`\uFEFF \r\n${presented}\n\n`, { resolver, now, nonce: "n" });
    expect(verified).toEqual(await verifyPresentation(presented, { resolver, now, nonce: "n" }));
  });

  it("is not verified after an abort", async () => {
    const presented = await present();
    const reason = new Error("enough");
    expect(await rejectionOf(verifyPresentation(presented, { resolver, now, signal: AbortSignal.abort(reason) }))).toBe(reason);
    const abort = new AbortController();
    const slow = {
      resolve: (_: string, { signal = abort.signal } = {}) =>
        new Promise<never>((__, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
          abort.abort(reason);
        }),
    };
    expect(await rejectionOf(verifyPresentation(presented, { resolver: slow, now, signal: abort.signal }))).toBe(reason);
  });
});

describe("a presentation of VCDM 2.0", () => {
  it("contains its credentials as objects, not as strings", async () => {
    const context = ["https://www.w3.org/ns/credentials/v2"];
    const document = { "@context": context, type: ["VerifiablePresentation"], verifiableCredential: [signed] };
    const presented = await forgePresentation(document, holder, "compact_jwt");
    expectVcError(await rejectionOf(verifyPresentation(presented, { resolver, now })), "presentation_invalid");
  });

  it("of VCDM 1.1 is accepted in the format jwt only", async () => {
    const document = { "@context": ["https://www.w3.org/2018/credentials/v1"], type: ["VerifiablePresentation"] };
    const presented = await forgePresentation(document, holder, "compact_jwt");
    expectVcError(await rejectionOf(verifyPresentation(presented, { resolver, now })), "presentation_invalid");
  });
});
