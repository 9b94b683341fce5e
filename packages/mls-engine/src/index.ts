// Stores
export { memoryStore } from "./store/memory-store.ts";
export type { Durability, GroupStore, StoreChange, StorePartition } from "./store/group-store.ts";
export { StoreError, type StoreErrorCode } from "./store/store-error.ts";

// Cryptography
export { createCrypto, createWebCrypto } from "./crypto/create-crypto.ts";
export type { MessageCrypto, MlsCrypto } from "./crypto/mls-crypto.ts";
export { cipherSuites } from "./crypto/suites.ts";
