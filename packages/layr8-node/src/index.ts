export { startNode, type Layr8Node } from "./node.ts";
export type { ConfiguredKey, DidRule, NodeLimits, NodeOptions } from "./options.ts";
export type { ApiKeyInfo, CreatedApiKey } from "./identity/api-keys.ts";
export type { Policy } from "./routing/policy.ts";
export type { ResolutionOptions } from "./credentials/resolution.ts";
export { StorageError, type StorageErrorCode } from "@parley/storage";
