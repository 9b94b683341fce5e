// For applications
export { CredentialsClient } from "./credentials-client.ts";
export type { CredentialsClientOptions, CredentialsLimits, RetryOptions } from "./credentials-client-options.ts";
export type { SigningKey } from "@parley/vc";
export type { TlsOptions } from "@parley/core/net";
export type { Credential } from "./credential.ts";
export type { StoredCredential } from "./stored-credential.ts";
export type {
  CallOptions,
  CredentialState,
  CredentialVerification,
  ListCredentialsOptions,
  SetCredentialStatusOptions,
  SignCredentialOptions,
  StoreCredentialOptions,
  VerifyCredentialOptions,
} from "./credentials.ts";
export type { PresentationVerification, SignPresentationOptions, VerifyPresentationOptions } from "./presentations.ts";
export { RestError, type RestErrorCode, type RestErrorOptions } from "./rest-error.ts";
export type { MediatorOptions } from "./mediator-options.ts";

// Grants
export { credentialAttachment, identityAttachment, isIdentityAttachment } from "./grants/credential-attachment.ts";
export type { DelegateGrantOptions } from "./grants/delegate-grant.ts";
export { GrantWallet, type GrantWalletOptions, type SelectGrants } from "./grants/grant-wallet.ts";
export type { UnsuitableGrant } from "./grants/explain-grants.ts";
export type { HeldGrant } from "./grants/held-grant.ts";
export type { GrantSubject, SelectedGrants } from "./grants/select-grants.ts";

// Without a node
export { verifyLocally } from "./verify-locally.ts";
export type { LocalVerification, VerifyLocallyOptions } from "./verify-locally-options.ts";
export type { ResolutionOptions } from "./resolution.ts";
export { decodeCredential, decodePresentation, type DecodedCredential, type DecodedPresentation } from "@parley/vc/decode";
export { VcError, type CredentialFormat, type VcErrorCode } from "@parley/vc/decode";
