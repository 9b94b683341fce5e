// For applications
export { signCredential, signPresentation, type SignCredentialOptions, type SignPresentationOptions, type SigningKey } from "./sign.ts";
export { verifyCredential, type VerifiedCredential } from "./verify-credential.ts";
export { verifyPresentation, type VerifiedPresentation } from "./verify-presentation.ts";
export type { VerifyOptions, VerifyPresentationOptions } from "./verify-options.ts";
export { decodeCredential, decodePresentation, type DecodedCredential, type DecodedPresentation } from "./decode.ts";
export type { CredentialFormat } from "./credential-format.ts";
export type { VcLimits } from "./vc-limits.ts";
export { VcError, type VcErrorCode, type VcErrorOptions } from "./vc-error.ts";

// For status lists
export { BitstringStatusList, type StatusListCredentialInit, type StatusListInit } from "./status/bitstring-status-list.ts";
export { StatusListCache, type StatusListCacheOptions } from "./status/status-list-cache.ts";
export { createStatusListFetch, type StatusListFetchOptions } from "./status/create-status-list-fetch.ts";
export type { StatusListFetch } from "./status/status-list-fetch.ts";
export type { CredentialStatus } from "./status/check-statuses.ts";
export type { StatusPurpose } from "./status/status-entry.ts";
