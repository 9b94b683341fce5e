/** Key agreement: with the sender's static key (authcrypt), or without (anoncrypt). */
export type KeyAlgorithm = "ECDH-1PU+A256KW" | "ECDH-ES+A256KW";

/** Content encryption. */
export type ContentAlgorithm = "A256CBC-HS512" | "A256GCM" | "XC20P";

/** The algorithms of one layer of encryption. */
export interface LayerAlgorithms {
  readonly alg: KeyAlgorithm;
  readonly enc: ContentAlgorithm;
}

/** The combinations defined by DIDComm. ECDH-1PU with key wrapping is safe only with A256CBC-HS512, whose tag commits to the key. */
const ALLOWED: readonly LayerAlgorithms[] = [
  { alg: "ECDH-1PU+A256KW", enc: "A256CBC-HS512" },
  { alg: "ECDH-ES+A256KW", enc: "A256CBC-HS512" },
  { alg: "ECDH-ES+A256KW", enc: "A256GCM" },
  { alg: "ECDH-ES+A256KW", enc: "XC20P" },
];

/** The algorithms of a header. `undefined` if DIDComm does not define their combination. */
export function allowedAlgorithms(alg: unknown, enc: unknown): LayerAlgorithms | undefined {
  return ALLOWED.find((pair) => pair.alg === alg && pair.enc === enc);
}
