import { generateKeyPairSync, createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { createDidResolver, didKeyMethod, type DidDocument, type DidResolver, type VerificationRelationship } from "@parley/did";
import type { SigningKey } from "../src/index.ts";

export const NOW: number = Date.parse("2026-03-01T12:00:00Z");

export type TestCurve = "Ed25519" | "P-256" | "P-384" | "P-521" | "secp256k1";

/** A DID with a key, and what others find when they resolve it. */
export interface Party {
  readonly did: string;
  readonly key: SigningKey & { readonly privateKey: KeyObject };
  readonly publicJwk: JsonWebKey;
  readonly document: DidDocument;
}

/** A party `did:x:<name>` with one fresh key, for the purposes given. */
export function makeParty(
  name: string,
  curve: TestCurve = "Ed25519",
  purposes: readonly VerificationRelationship[] = ["assertionMethod", "authentication"],
): Party {
  const { publicKey, privateKey } = generateKeys(curve);
  const did = `did:x:${name}`;
  const kid = `${did}#key`;
  const listed = (purpose: VerificationRelationship): string[] => (purposes.includes(purpose) ? [kid] : []);
  const document: DidDocument = {
    id: did,
    verificationMethod: [{ id: kid, type: "JsonWebKey", controller: did, publicKeyJwk: publicKey as JsonObject }],
    authentication: listed("authentication"),
    assertionMethod: listed("assertionMethod"),
    keyAgreement: [],
    capabilityInvocation: [],
    capabilityDelegation: [],
    service: [],
  };
  return { did, key: { kid, privateKey: createPrivateKey({ key: privateKey, format: "jwk" }) }, publicJwk: publicKey, document };
}

/** A resolver that knows these parties, and did:key. */
export function resolverOf(...parties: readonly Party[]): DidResolver {
  const known = new Map(parties.map(({ did, document }) => [did, document]));
  return createDidResolver({
    methods: {
      ...didKeyMethod(),
      x: async (did) => {
        const didDocument = known.get(did) ?? null;
        const didResolutionMetadata = didDocument === null ? { error: "notFound" } : {};
        return { didResolutionMetadata, didDocument: didDocument as never, didDocumentMetadata: {} };
      },
    },
  });
}

/** A credential of VCDM 2.0 that is valid at {@link NOW}. */
export function credentialFor(issuer: Party, subject: string, members: JsonObject = {}): JsonObject {
  return {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    id: "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    type: ["VerifiableCredential", "MembershipCredential"],
    issuer: issuer.did,
    validFrom: "2026-01-01T00:00:00Z",
    validUntil: "2027-01-01T00:00:00Z",
    credentialSubject: { id: subject, level: "gold" },
    ...members,
  };
}

function generateKeys(curve: TestCurve): { publicKey: JsonWebKey; privateKey: JsonWebKey } {
  const jwk = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } };
  const pair: unknown =
    curve === "Ed25519" ? generateKeyPairSync("ed25519", jwk as never) : generateKeyPairSync("ec", { namedCurve: curve, ...jwk } as never);
  return pair as { publicKey: JsonWebKey; privateKey: JsonWebKey };
}
