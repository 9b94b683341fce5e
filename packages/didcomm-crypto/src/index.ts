// For applications
export { createDidcommCrypto, type DidcommCrypto, type DidcommCryptoOptions, type DidPackOptions } from "./did/didcomm-crypto.ts";
export { DidcommCryptoError, type DidcommCryptoErrorCode } from "./didcomm-crypto-error.ts";
export type { UnpackLimits } from "./unpack-limits.ts";
export type { Packable } from "./plaintext.ts";
export type { Unpacked, UnpackMetadata } from "./unpacked.ts";

// For applications that look up keys themselves
export { pack, packSigned, type PackOptions } from "./pack.ts";
export { unpack, type KeyLookup, type UnpackOptions } from "./unpack.ts";
export type { OwnKey, PeerKey, PrivateJwk, PrivateKeyInput, PublicKeyInput } from "./keys/key.ts";
export type { ContentAlgorithm, KeyAlgorithm, LayerAlgorithms } from "./jwe/algorithms.ts";
export type { WrittenContentAlgorithm } from "./jwe/content/ciphers.ts";
export type { SignatureAlgorithm } from "./jws/algorithms.ts";
