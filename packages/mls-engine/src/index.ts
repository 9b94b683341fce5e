// For applications
export { createMlsEngine, type MlsEngine } from "./engine.ts";
export type { JoinOptions, KeyPackageOptions, MlsEngineOptions } from "./engine-options.ts";
export type { MlsGroup } from "./group.ts";
export type { MlsChanges, MlsMember, MlsProposal } from "./group-facts.ts";
export type {
  ApplicationMessage,
  CommitMessage,
  EncryptOptions,
  GroupRow,
  ProcessedMessage,
  ProposalMessage,
  StagedCommit,
  StageOptions,
  WriteOptions,
} from "./group-types.ts";
export { MlsError, type MlsErrorCode, type MlsErrorOptions } from "./errors.ts";
export { unsafeAcceptAnyCredential, type Authenticate, type AuthenticationContext } from "./authentication.ts";
export { basicCredential, basicIdentity, certificatesOf, type MlsCredential } from "./credential.ts";
export { inspectMessage, type MessageInfo } from "./wire.ts";
export type { MlsLimits } from "./limits.ts";
export type { RatchetLimits } from "./messages/ratchet-limits.ts";
export type { PaddingBuckets } from "./messages/padding.ts";
export type { SignatureKeyPair } from "./identity-rows.ts";

// Cryptography and stores
export { createCrypto, createWebCrypto } from "./crypto/create-crypto.ts";
export { cipherSuites } from "./crypto/suites.ts";
export type { MessageCrypto, MlsCrypto } from "./crypto/mls-crypto.ts";
export { memoryStore } from "./store/memory-store.ts";
export type { Durability, GroupStore, StoreChange, StorePartition } from "./store/group-store.ts";
export { StoreError, type StoreErrorCode } from "./store/store-error.ts";
