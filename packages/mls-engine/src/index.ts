// Stores
export { memoryStore } from "./store/memory-store.ts";
export type { Durability, GroupStore, StoreChange, StorePartition } from "./store/group-store.ts";
export { StoreError, type StoreErrorCode } from "./store/store-error.ts";
