import { generateKeyPairSync } from "node:crypto";
import type { DidDocument, DidResolver, PublicJwk } from "@parley/did";
import type { PrivateJwk } from "@parley/didcomm-crypto";

/** A party with one X25519 key. */
export interface Party {
  readonly did: string;
  readonly kid: string;
  readonly privateKey: PrivateJwk;
  readonly publicKey: PublicJwk;
}

export function createParty(did: string): Party {
  const encodings = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } };
  const pair: { publicKey: unknown; privateKey: unknown } = generateKeyPairSync("x25519", encodings as never);
  return { did, kid: `${did}#key-1`, privateKey: pair.privateKey as PrivateJwk, publicKey: pair.publicKey as PublicJwk };
}

export function documentOf({ did, kid, publicKey }: Party): DidDocument {
  return {
    id: did,
    verificationMethod: [{ id: kid, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...publicKey } }],
    keyAgreement: [kid],
    authentication: [],
    assertionMethod: [],
    capabilityInvocation: [],
    capabilityDelegation: [],
    service: [],
  };
}

/** Gives the same documents again and again, as a resolver with a cache does. */
export function resolverOf(...parties: readonly Party[]): DidResolver {
  const documents = new Map(parties.map((party) => [party.did, documentOf(party)]));
  return {
    resolve: async (did) => {
      const document = documents.get(did);
      if (document === undefined) throw new Error("Unknown DID");
      return document;
    },
  };
}
