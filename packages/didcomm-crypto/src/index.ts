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

// For agents that hold their keys themselves, and their nodes
export {
  END_TO_END_PROTOCOL,
  readEnvelopeAddresses,
  unwrapEnvelope,
  WRAPPER_TYPE,
  wrapEnvelope,
  type EnvelopeAddresses,
  type WrapperHeaders,
} from "./end-to-end/wrapper.ts";
export {
  agentJwks,
  agentKids,
  MAX_STATEMENT_LENGTH,
  peekKeyStatement,
  signKeyStatement,
  verifyKeyStatement,
  type AgentKids,
  type AgentPublicKeys,
  type KeyStatement,
} from "./end-to-end/key-statement.ts";

// For recipients of messages that ask for receipts, and their nodes
export { receiptDigest } from "./receipts/receipt-digest.ts";
export { attachSignature, createReceipt, type ReceiptFacts } from "./receipts/signed-receipt.ts";
