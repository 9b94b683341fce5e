export { startNode } from "./node.ts";
export type { Layr8Node } from "./layr8-node.ts";
export type { ConfiguredKey, NodeLimits, NodeOptions } from "./options.ts";
export type { DidRule } from "./identity/did-pattern.ts";
export type { ApiKeyInfo, CreatedApiKey } from "./identity/api-keys.ts";
export type { CredentialDemand, Policy } from "./routing/authorize/policy-options.ts";
export type { ResolutionOptions } from "./network/resolution.ts";
export { StorageError, type StorageErrorCode } from "@parley/storage";
