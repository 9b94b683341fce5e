import type { JsonObject } from "@parley/core";

const credential: JsonObject = {
  "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
  id: "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
  type: ["VerifiableCredential", "AlumniCredential"],
  name: "Alumni Credential",
  description: "A minimum viable example of an Alumni Credential.",
  issuer: "https://vc.example/issuers/5678",
  validFrom: "2023-01-01T00:00:00Z",
  credentialSubject: { id: "did:example:abcdefgh", alumniOf: "The School of Examples" },
};

interface Vector {
  readonly name: string;
  /** Multikey of the public key. */
  readonly publicKey: string;
  readonly signed: JsonObject;
}

function vector(name: string, publicKey: string, proof: JsonObject): Vector {
  const common = { type: "DataIntegrityProof", created: "2023-02-24T23:36:38Z", proofPurpose: "assertionMethod" };
  return { name, publicKey, signed: { ...credential, proof: { ...common, ...proof } } };
}

const ED25519 = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
const P256 = "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP";
const P384 = "z82LkuBieyGShVBhvtE2zoiD6Kma4tJGFtkAhxR5pfkp5QPw4LutoYWhvQCnGjdVn14kujQ";

/**
 * Signed documents of the specifications' appendices. Source: w3c/vc-di-eddsa, TestVectors/eddsa-jcs-2022/signedJCS.json, as of commits
 * 369f0f0 (with a context in the proof) and 4ced357 (without); w3c/vc-di-ecdsa, TestVectors/ecdsa-jcs-2019-p256 and -p384, as of commit
 * 36e8159.
 */
export const VECTORS: readonly Vector[] = [
  vector("eddsa-jcs-2022, with a context in the proof", ED25519, {
    cryptosuite: "eddsa-jcs-2022",
    verificationMethod: `https://vc.example/issuers/5678#${ED25519}`,
    "@context": credential["@context"],
    proofValue: "z63t83Y53KfzJ5ZosfKTnqfMcKB2dmTrfjSaQjeNNjAD5srBowQfmWqeRb8rRjmeEuCBEsddF9LsVogtuTsijJKh4",
  }),
  vector("eddsa-jcs-2022, without", ED25519, {
    cryptosuite: "eddsa-jcs-2022",
    verificationMethod: `https://vc.example/issuers/5678#${ED25519}`,
    proofValue: "z3P6rHMUaWG6e3Ac6xYFht8aEvoVXndgKTtEY8kzWYXzk8dKmAo2GJeZiJw4qoZ2PGp4ugdaHx3oQiLpeFBLDqP2M",
  }),
  vector("ecdsa-jcs-2019 with P-256", P256, {
    cryptosuite: "ecdsa-jcs-2019",
    verificationMethod: `did:key:${P256}#${P256}`,
    proofValue: "zq6PrUMCtqY5obCSsrQxuFJdGffCDxvFuopdZiBPUBRTFEs1VVsBZi8YiEwVWgHYrXxoV93gBHqGDBtQLPFxpZxz",
  }),
  vector("ecdsa-jcs-2019 with P-384", P384, {
    cryptosuite: "ecdsa-jcs-2019",
    verificationMethod: `did:key:${P384}#${P384}`,
    proofValue:
      "zR3krc7pt9Dpn1PY2u8HWPePggtzAG2SuH2ZGNrzw8Ku3QrFLWgDTjS5mCWy65ShixJEtpMwfviAFfh5xTgd5FGN1sSbpPJ5djqSZQLqQkY8KLBPNswuqKtq3bS8f9vEHm8w",
  }),
];

/**
 * Hash of the proof's options, then of the document, for an eddsa-jcs-2022 proof by `did:key:…#…` with a context. Source: w3c/vc-di-eddsa,
 * TestVectors/eddsa-jcs-2022/combinedHashJCS.txt, as of commit 0c5c862, and proofCanonJCS.txt, as of commit 049085c.
 */
export const HASH_DATA: { readonly document: JsonObject; readonly options: JsonObject; readonly hex: string } = {
  document: credential,
  options: {
    type: "DataIntegrityProof",
    cryptosuite: "eddsa-jcs-2022",
    created: "2023-02-24T23:36:38Z",
    verificationMethod: `did:key:${ED25519}#${ED25519}`,
    proofPurpose: "assertionMethod",
    "@context": credential["@context"],
  },
  hex: "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19",
};
