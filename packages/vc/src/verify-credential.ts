import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "./format.ts";
import { verifyIssued } from "./issued.ts";
import { CREDENTIAL } from "./kind.ts";
import type { VerifyOptions } from "./options.ts";
import { readSecured, type Secured } from "./secured.ts";
import { checkStatuses, type CredentialStatus } from "./status/check-status.ts";
import { beginVerification, type Verification } from "./verification.ts";

/** A credential that its issuer has signed, that is valid now, and that is neither revoked nor suspended. */
export interface VerifiedCredential {
  /** The credential, as VCDM has it: what was signed, without the proof or what a JWT adds. */
  readonly credential: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  /** DID of who signed. */
  readonly issuer: string;
  /** What status lists say, in the order of the credential's entries; `undefined` if there are none, or they were not asked. */
  readonly statuses?: readonly CredentialStatus[];
}

/**
 * Verifies a signed credential of any format: the issuer's signature, with a key that the issuer's DID document lists for
 * `assertionMethod`; the rules of the data model; validity; and status.
 *
 * Whether the issuer is one to be trusted with such a statement is for the caller to decide.
 *
 * @throws VcError with any of its codes but those of holders and nonces; the signal's own reason on abort.
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
  if (typeof signed !== "string") throw new TypeError("A signed credential is a text");
  const verification = beginVerification(options);
  return verifySecured(readSecured(signed, CREDENTIAL, verification.limits.maxCredentialLength), verification);
}

/** Verifies a credential of a presentation. */
export function verifyPart(part: string | JsonObject, verification: Verification): Promise<VerifiedCredential> {
  return verifySecured(readSecured(part, CREDENTIAL, verification.limits.maxCredentialLength), verification);
}

async function verifySecured(secured: Secured, verification: Verification): Promise<VerifiedCredential> {
  const { issuer, statuses } = await verifyIssued(secured, verification);
  const found = await checkStatuses(statuses, issuer, verification);
  const { document: credential, headers, format } = secured;
  return { credential, headers, format, issuer, ...(found.length > 0 && { statuses: found }) };
}
