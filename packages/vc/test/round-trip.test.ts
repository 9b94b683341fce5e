import { describe, expect, it } from "vitest";
import {
  decodeCredential,
  decodePresentation,
  signCredential,
  signPresentation,
  verifyCredential,
  verifyPresentation,
  type CredentialFormat,
} from "../src/index.ts";
import { credentialFor, makeParty, NOW, resolverOf, type TestCurve } from "./parties.ts";

const FORMATS: readonly CredentialFormat[] = ["compact_jwt", "jwt", "json", "enveloped"];
const CURVES: readonly TestCurve[] = ["Ed25519", "P-256", "P-384"];
const now = (): number => NOW;

describe.each(CURVES)("with keys of %s", (curve) => {
  const issuer = makeParty("issuer", curve);
  const holder = makeParty("holder", curve);
  const resolver = resolverOf(issuer, holder);
  const credential = credentialFor(issuer, holder.did);

  it.each(FORMATS)("a credential in %s is returned as it was signed", async (format) => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    const verified = await verifyCredential(signed, { resolver, now });
    expect(verified).toMatchObject({ credential, format, issuer: issuer.did });
    expect(verified.credential).toEqual(credential);
    expect(decodeCredential(signed)).toEqual({ credential, format, headers: verified.headers });
  });

  it.each(FORMATS)("a presentation in %s contains credentials of every format", async (format) => {
    const credentials = await Promise.all(FORMATS.map((inner) => signCredential(credential, { key: issuer.key, format: inner, now })));
    const options = { holder: holder.did, key: holder.key, format, nonce: "n-1", audience: "did:x:verifier", now };
    const signed = await signPresentation(credentials, options);
    const verified = await verifyPresentation(signed, { resolver, nonce: "n-1", audience: "did:x:verifier", now });
    expect(verified).toMatchObject({ format, holder: holder.did });
    expect(verified.credentials.map((inner) => inner.credential)).toEqual(FORMATS.map(() => credential));
    expect(verified.presentation["holder"]).toBe(holder.did);
    const decoded = decodePresentation(signed);
    expect(decoded.presentation).toEqual(verified.presentation);
    expect(decoded.credentials).toHaveLength(FORMATS.length);
  });
});
