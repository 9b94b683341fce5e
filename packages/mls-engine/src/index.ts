// Engines and groups
export { createMlsEngine, type MlsEngine } from "./engine/engine.ts";
export type { JoinOptions, KeyPackageOptions, MlsEngineOptions } from "./engine/engine-options.ts";
export type { MlsLimits } from "./engine/limits.ts";
export type { MlsGroup } from "./group/group.ts";
export type {
  ApplicationMessage,
  CommitMessage,
  EncryptOptions,
  GroupRow,
  ProcessedMessage,
  ProposalMessage,
  StagedCommit,
  StageOptions,
} from "./group/group-types.ts";
export type { MlsChanges, MlsMember, MlsProposal } from "./group/members.ts";
export { inspectMessage, type MessageInfo } from "./framing/mls-message.ts";
export { MlsEngineError, type MlsEngineErrorCode } from "./errors.ts";

// Identities
export { unsafeAcceptAnyCredential, type Authenticate, type AuthenticationContext } from "./credentials/authentication.ts";
export { basicIdentity, certificatesOf, type MlsCredential } from "./credentials/credential.ts";

// Cipher suites
export type { CipherSuite, KeyPair } from "./crypto/cipher-suite.ts";
export { createCipherSuite } from "./crypto/create-cipher-suite.ts";
export type { CipherSuiteName } from "./crypto/suites.ts";

// Stores
export type { Durability, GroupStore, StoreChange, StorePartition } from "./store/group-store.ts";
export { memoryStore } from "./store/memory-store.ts";
export { StoreError, type StoreErrorCode } from "./store/store-error.ts";
