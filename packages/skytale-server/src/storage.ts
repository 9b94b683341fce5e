// What a server keeps, behind interfaces, and the implementations of them.
export type { Registry, RegistryChange, RegistryEntry, RegistryListOptions } from "./registry/registry.ts";
export { RegistryError, type RegistryErrorCode } from "./registry/registry-error.ts";
export { StoredRegistry } from "./registry/stored-registry.ts";
export type {
  AppendOutcome,
  Appended,
  ChannelLog,
  CommitClaim,
  EvictedRun,
  Head,
  LogPage,
  NewEntry,
  ReadOptions,
  Retention,
  Watch,
} from "./log/channel-log.ts";
export type { KeyWindowOptions } from "./log/key-window.ts";
export { LmdbLog } from "./log/lmdb-log.ts";
export { LmdbWelcomes } from "./log/lmdb-welcomes.ts";
export { MemoryLog, type LogOptions } from "./log/memory-log.ts";
export { MemoryWelcomes, type WelcomeOptions } from "./log/memory-welcomes.ts";
export type { WelcomeLimits } from "./log/welcome-index.ts";
export type { NewWelcome, StoredWelcome, WelcomeId, WelcomeStore } from "./log/welcome-store.ts";
