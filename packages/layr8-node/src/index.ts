export { startNode, type Layr8Node } from "./node.ts";
export type { ConfiguredKey, DidRule, NodeLimits, NodeOptions } from "./options.ts";
export type { ApiKeyInfo, CreatedApiKey } from "./identity/api-keys.ts";
export type { CredentialDemand, Policy } from "./routing/authorize/policy-options.ts";
export type { ResolutionOptions } from "./network/resolution.ts";
export { StorageError, type StorageErrorCode } from "@parley/storage";
