import type { JsonObject, JsonValue } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, VcError, verifyCredential, verifyPresentation } from "../src/index.ts";
import { FORMATS } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const { key, did } = issuer;
const now = (): number => NOW;
const credential = credentialFor(issuer, "did:x:subject");
const format = fc.constantFrom(...FORMATS);

const value = fc.json({ maxDepth: 4, stringUnit: "binary" }).map((text) => JSON.parse(text) as JsonValue);
const text = fc.oneof(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), fc.constantFrom("\ud800", "\u0000", "__proto__", "ß💩"));

function nested(depth: number): JsonObject {
  let inner: JsonObject = {};
  for (let i = 1; i < depth; i += 1) inner = { inner };
  return inner;
}

async function orCode(signing: Promise<string>): Promise<{ signed: string } | { code: string }> {
  try {
    return { signed: await signing };
  } catch (error) {
    if (error instanceof VcError) return { code: error.code };
    throw error;
  }
}

describe("every signed document is verified and returned unchanged", { timeout: 120_000 }, () => {
  it("a credential with any claims", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(text, value, { minKeys: 1 }), value, format, async (claims, extra, chosen) => {
        const document = { ...credential, credentialSubject: { ...claims, id: "did:x:subject" }, extra } as JsonObject;
        const plain = JSON.parse(JSON.stringify(document)) as JsonObject;
        const outcome = await orCode(signCredential(document, { key, format: chosen, now }));
        const read = "signed" in outcome ? (await verifyCredential(outcome.signed, { resolver, now })).credential : outcome.code;
        expect([plain, "credential_invalid", "malformed"]).toContainEqual(read);
      }),
    );
  });

  it.each(FORMATS)("a credential of any depth in %s, and a presentation of it", async (chosen) => {
    const signable: string[] = [];
    for (let depth = 55; depth <= 66; depth += 1) {
      const outcome = await orCode(
        signCredential({ ...credential, credentialSubject: { deep: nested(depth) } }, { key, format: chosen, now }),
      );
      expect(outcome).not.toMatchObject({ code: expect.not.stringMatching("too_large") as string });
      if ("signed" in outcome) signable.push(outcome.signed);
    }
    expect(signable.length).toBeGreaterThan(2);
    for (const signed of signable) {
      await expect(verifyCredential(signed, { resolver, now })).resolves.toBeDefined();
      for (const outer of FORMATS) {
        const outcome = await orCode(signPresentation([signed], { holder: did, key, format: outer, now }));
        expect(outcome).not.toMatchObject({ code: expect.not.stringMatching("too_large") as string });
        if ("signed" in outcome) await verifyPresentation(outcome.signed, { resolver, now });
      }
    }
  });

  it("a presentation with any nonce and audience", async () => {
    const signed = await signCredential(credential, { key, now });
    const audience = fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }));
    await fc.assert(
      fc.asyncProperty(text, audience, format, async (nonce, to, chosen) => {
        const outcome = await orCode(signPresentation([signed], { holder: did, key, format: chosen, nonce, audience: to, now }));
        const options = { resolver, now, nonce, audience: [to].flat()[0] ?? "" };
        const verdict = "signed" in outcome ? (await verifyPresentation(outcome.signed, options)).holder : `${outcome.code} in ${chosen}`;
        // A proof covers Unicode text only (RFC 8785, section 3.2.2.2).
        expect([did, "malformed in json"]).toContain(verdict);
      }),
    );
  });

  it.each<object>([{ nonce: "" }, { nonce: 1 }, { audience: "" }, { audience: [] }, { audience: [""] }, { audience: ["x", 1] }])(
    "a presentation is not made with %j",
    async (binding) => {
      expect(await rejectionOf(signPresentation([], { holder: did, key, now, ...binding }))).toBeInstanceOf(TypeError);
    },
  );
});
