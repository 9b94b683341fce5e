import type { JsonObject } from "@parley/core";
import { gateOrSoak, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCredential, signCredential, signPresentation, VcError, verifyCredential, verifyPresentation } from "../src/index.ts";
import { alter, FORMATS, JWS_FORMATS, makeToken, partsOf } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;
const nonce = "n-1";

/** One change to a text: some characters out, others in. */
const change = fc.record({
  at: fc.nat(),
  out: fc.nat({ max: 3 }),
  inserted: fc.oneof(fc.constantFrom("", "A", "0", '"', "{", "}", ",", ".", "=", "\\", "null"), fc.string({ maxLength: 3 })),
});

function apply(text: string, changes: readonly { at: number; out: number; inserted: string }[]): string {
  return changes.reduce((changed, { at, out, inserted }) => {
    const start = at % (changed.length + 1);
    return changed.slice(0, start) + inserted + changed.slice(start + out);
  }, text);
}

const anyVcError: unknown = expect.any(VcError);

/** A mutation is rejected with a VcError, or has changed nothing that matters. */
async function expectHarmless(verification: Promise<{ readonly value: unknown }>, original: unknown): Promise<void> {
  const outcome = await verification.catch((error: unknown) => ({ error }));
  expect(outcome).toEqual("error" in outcome ? { error: anyVcError } : { value: original });
}

async function verified(text: string): Promise<{ value: unknown }> {
  return { value: (await verifyCredential(text, { resolver, now })).credential };
}

async function presented(text: string): Promise<{ value: unknown }> {
  const { presentation, credentials } = await verifyPresentation(text, { resolver, now, nonce });
  return { value: [presentation, credentials.map((inner) => inner.credential)] };
}

describe.each(FORMATS)("any change to %s", (format) => {
  it("of a credential never verifies as something else", async () => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        await expectHarmless(verified(apply(signed, changes)), credential);
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });

  it("of a presentation never verifies as something else", async () => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    const text = await signPresentation([signed], { holder: issuer.did, key: issuer.key, format, nonce, now });
    const { value: original } = await presented(text);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        await expectHarmless(presented(apply(text, changes)), original);
      }),
      { numRuns: gateOrSoak(100, 2000) },
    );
  });

  it("in the length never verifies", async () => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    for (let length = 0; length < signed.length; length += 1 + (length % 7)) {
      await expect(verified(signed.slice(0, length))).rejects.toBeInstanceOf(VcError);
    }
    await expect(verified(`${signed}A`)).rejects.toBeInstanceOf(VcError);
  });
});

describe.each(JWS_FORMATS)("any change inside a JWS in %s", (format) => {
  it("never verifies as something else", async () => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    const edit = (object: JsonObject, changes: readonly { at: number; out: number; inserted: string }[]): JsonObject => {
      try {
        return JSON.parse(apply(JSON.stringify(object), changes)) as JsonObject;
      } catch {
        return object;
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(change, { minLength: 1, maxLength: 2 }), async (inHeader, changes) => {
        const part = (object: JsonObject): JsonObject => edit(object, changes);
        await expectHarmless(verified(alter(signed, inHeader ? { header: part } : { payload: part })), credential);
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });
});

describe("any text at all", () => {
  it("is rejected with a VcError", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json(), fc.base64String()), async (text) => {
        await expect(verified(text)).rejects.toBeInstanceOf(VcError);
        expect(thrownBy(() => decodeCredential(text))).toBeInstanceOf(VcError);
      }),
    );
  });

  it("signed by the issuer is accepted or rejected with a VcError", async () => {
    const { header } = partsOf(await signCredential(credential, { key: issuer.key, now }));
    const members = fc.constantFrom(...Object.keys(credential), "credentialStatus", "credentialSchema", "relatedResource", "proof", "iss");
    await fc.assert(
      fc.asyncProperty(members, fc.jsonValue(), async (member, value) => {
        const payload = { ...credential, [member]: value };
        const { [member]: _, ...rest } = payload;
        await expectHarmless(
          verified(makeToken(header, payload, issuer.key.privateKey)),
          member === "iss" ? rest : JSON.parse(JSON.stringify(payload)),
        );
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });
});
