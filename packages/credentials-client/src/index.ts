// For applications
export { CredentialsClient } from "./credentials-client.ts";
export type { CredentialsClientOptions, CredentialsLimits, RetryOptions } from "./credentials-client-options.ts";
export type { TlsOptions } from "@parley/core/net";
export type { Credential } from "./credential.ts";
export type { StoredCredential } from "./stored-credential.ts";
export type {
  CallOptions,
  CredentialVerification,
  ListCredentialsOptions,
  SignCredentialOptions,
  StoreCredentialOptions,
  VerifyCredentialOptions,
} from "./credentials.ts";
export type { PresentationVerification, SignPresentationOptions, VerifyPresentationOptions } from "./presentations.ts";
export { RestError, type RestErrorCode, type RestErrorOptions } from "./rest-error.ts";

// Without a node
export { verifyLocally } from "./verify-locally.ts";
export type { LocalVerification, VerifyLocallyOptions } from "./verify-locally-options.ts";
export type { ResolutionOptions } from "./resolution.ts";
export { decodeCredential, decodePresentation, type DecodedCredential, type DecodedPresentation } from "@parley/vc/decode";
export { VcError, type CredentialFormat, type VcErrorCode } from "@parley/vc/decode";
