// Credentials as text, for programs that show them: without the libraries that sign and verify.
export { decodeCredential, decodePresentation, type DecodedCredential, type DecodedPresentation } from "./decode.ts";
export type { CredentialFormat } from "./credential-format.ts";
export { VcError, type VcErrorCode } from "./vc-error.ts";
