export { startSkytale, type SkytaleServer } from "./server.ts";
export type { SkytaleOptions } from "./options.ts";
export type { ApiLimits } from "./api/limits.ts";
export type { RelayLimits } from "./relay/relay-limits.ts";
export type { Retention } from "./log/channel-log.ts";
export type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
export type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";
export { ApiError, type ApiErrorCode } from "./api/api-error.ts";
export { StorageError, type StorageErrorCode } from "@parley/storage";
