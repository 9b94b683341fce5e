// Credentials with selective disclosure: SD-JWT (RFC 9901) and SD-JWT VC.
export { decodeSdJwt, type DecodedSdJwt } from "./sd-jwt/decode-sd-jwt.ts";
export { presentSdJwt, type PresentSdJwtOptions } from "./sd-jwt/present-sd-jwt.ts";
export { signSdJwt, type SignSdJwtOptions } from "./sd-jwt/sign-sd-jwt.ts";
export { verifySdJwt, type VerifiedSdJwt, type VerifySdJwtOptions } from "./sd-jwt/verify-sd-jwt.ts";
export type { ClaimPath } from "./sd-jwt/claim-path.ts";
export type { KeyBinding } from "./sd-jwt/key-binding.ts";
