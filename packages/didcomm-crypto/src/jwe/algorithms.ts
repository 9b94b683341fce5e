/** How the content key is agreed on: with the sender's key (authcrypt), or without (anoncrypt). */
export type KeyAlgorithm = "ECDH-1PU+A256KW" | "ECDH-ES+A256KW";

/** How the content is encrypted. */
export type ContentAlgorithm = "A256CBC-HS512" | "A256GCM" | "XC20P";

/** The algorithms of one layer of encryption. */
export interface LayerAlgorithms {
  readonly alg: KeyAlgorithm;
  readonly enc: ContentAlgorithm;
}

/** All that DIDComm combines. ECDH-1PU with key wrapping is safe with A256CBC-HS512 only, whose tag commits to the key. */
const ALLOWED: readonly LayerAlgorithms[] = [
  { alg: "ECDH-1PU+A256KW", enc: "A256CBC-HS512" },
  { alg: "ECDH-ES+A256KW", enc: "A256CBC-HS512" },
  { alg: "ECDH-ES+A256KW", enc: "A256GCM" },
  { alg: "ECDH-ES+A256KW", enc: "XC20P" },
];

/** The algorithms that a header names, if DIDComm combines them. */
export function allowedAlgorithms(alg: unknown, enc: unknown): LayerAlgorithms | undefined {
  return ALLOWED.find((pair) => pair.alg === alg && pair.enc === enc);
}
