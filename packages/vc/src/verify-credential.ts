import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "./credential-format.ts";
import { verifyIssuedCredential } from "./verify-issued-credential.ts";
import { securingEnd } from "./binding.ts";
import { CREDENTIAL } from "./kind.ts";
import type { VerifyOptions } from "./verify-options.ts";
import { readSecured, type Secured } from "./secured.ts";
import { checkStatuses, type CredentialStatus } from "./status/check-statuses.ts";
import { beginVerification, type Verification } from "./verification.ts";

/** A credential that its issuer signed, that is valid now, and that is neither revoked nor suspended. */
export interface VerifiedCredential {
  /** The signed credential in the form of VCDM: without the proof, and without the claims that JWT adds. */
  readonly credential: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  /** DID of the issuer, who signed the credential. */
  readonly issuer: string;
  /** One for each status entry of the credential, in its order; `undefined` if it has none, or the check was skipped. */
  readonly statuses?: readonly CredentialStatus[];
  /**
   * Until when this result may be reused, in milliseconds since 1970: the end of the validity of credential and signature, or the time at which
   * a status list must be fetched again. `undefined` if nothing ends it.
   */
  readonly holdsUntil?: number;
}

/**
 * Verifies a signed credential of any format: the issuer's signature, with a key that the issuer's DID document lists for
 * `assertionMethod`; the rules of the data model; validity; and status.
 *
 * The caller decides whether to trust this issuer with this kind of statement.
 *
 * @throws VcError with any code except those about holders and nonces.
 * @throws the reason of the signal after an abort.
 * @throws TypeError if an option is invalid.
 *
 * @example
 * ```ts
 * import { createDidResolver, didKeyMethod } from "@parley/did";
 * import { verifyCredential } from "@parley/vc";
 *
 * const resolver = createDidResolver({ methods: didKeyMethod() });
 *
 * async function issuerOf(signed: string): Promise<string> {
 *   const { issuer } = await verifyCredential(signed, { resolver });
 *   return issuer;
 * }
 * ```
 */
export async function verifyCredential(signed: string, options: VerifyOptions): Promise<VerifiedCredential> {
  if (typeof signed !== "string") throw new TypeError("A signed credential must be a string");
  const verification = beginVerification(options);
  return verifySecured(readSecured(signed, CREDENTIAL, verification.limits.maxCredentialLength), verification);
}

/** Verifies a credential within a presentation. */
export function verifyPart(part: string | JsonObject, verification: Verification): Promise<VerifiedCredential> {
  return verifySecured(readSecured(part, CREDENTIAL, verification.limits.maxCredentialLength), verification);
}

async function verifySecured(secured: Secured, verification: Verification): Promise<VerifiedCredential> {
  const { issuer, statuses: entries, validUntil = Infinity } = await verifyIssuedCredential(secured, verification);
  const { statuses, freshUntil } = await checkStatuses(entries, issuer, verification);
  const holdsUntil = Math.min(validUntil, securingEnd(secured) ?? Infinity, freshUntil);
  const { document: credential, headers, format } = secured;
  return {
    credential,
    headers,
    format,
    issuer,
    ...(statuses.length > 0 && { statuses }),
    ...(holdsUntil !== Infinity && { holdsUntil }),
  };
}
