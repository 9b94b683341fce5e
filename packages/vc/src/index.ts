// For applications
export { signCredential, signPresentation, type SignCredentialOptions, type SignPresentationOptions, type SigningKey } from "./sign.ts";
export {
  verifyCredential,
  verifyPresentation,
  type VerifiedCredential,
  type VerifiedPresentation,
  type VerifyOptions,
  type VerifyPresentationOptions,
} from "./verify.ts";
export { decodeCredential, type DecodedCredential } from "./decode.ts";
export type { CredentialFormat } from "./format.ts";
export { VcError, type VcErrorCode } from "./vc-error.ts";
export { BitstringStatusList, type StatusListFetch } from "./status-list.ts";
