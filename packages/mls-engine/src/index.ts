// For applications
export { createMlsEngine, type MlsEngine } from "./engine/engine.ts";
export type { JoinOptions, KeyPackageOptions, MlsEngineOptions } from "./engine/engine-options.ts";
export type { MlsGroup } from "./group/group.ts";
export type { MlsChanges, MlsMember, MlsProposal } from "./group/members.ts";
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
} from "./group/group-types.ts";
export { MlsError, type MlsErrorCode, type MlsErrorOptions } from "./errors.ts";
export { unsafeAcceptAnyCredential, type Authenticate, type AuthenticationContext } from "./credentials/authentication.ts";
export { basicCredential, basicIdentity, certificatesOf, type MlsCredential } from "./credentials/credential.ts";
export { inspectMessage, type MessageInfo } from "./framing/mls-message.ts";
export type { MlsLimits } from "./engine/limits.ts";
export type { RatchetLimits } from "./secret-tree/ratchet-limits.ts";
export type { PaddingBuckets } from "./framing/padding.ts";
export type { SignatureKeyPair } from "./engine/identity-rows.ts";

// Cryptography and stores
export { createCrypto, createWebCrypto } from "./crypto/create-crypto.ts";
export { cipherSuites } from "./crypto/suites.ts";
export type { MessageCrypto, MlsCrypto } from "./crypto/mls-crypto.ts";
export { memoryStore } from "./store/memory-store.ts";
export type { Durability, GroupStore, StoreChange, StorePartition } from "./store/group-store.ts";
export { StoreError, type StoreErrorCode } from "./store/store-error.ts";
