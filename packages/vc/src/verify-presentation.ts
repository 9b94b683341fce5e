import type { JsonObject } from "@parley/core";
import { authenticate, signerDid } from "./authenticate.ts";
import { bindingOf, checkAudience, checkSecuringPeriod } from "./binding.ts";
import type { CredentialFormat } from "./credential-format.ts";
import { PRESENTATION } from "./kind.ts";
import { checkPresentation, holderOf } from "./model/presentation.ts";
import type { VerifyPresentationOptions } from "./verify-options.ts";
import { readSecured, type Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { beginVerification, type Verification } from "./verification.ts";
import { verifyPart, type VerifiedCredential } from "./verify-credential.ts";

/** A presentation that its holder signed for this verifier, and whose credentials are all verified. */
export interface VerifiedPresentation {
  /** The presentation in the form of VCDM, with its credentials in their signed form. */
  readonly presentation: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  /** DID of the holder, who signed the presentation. */
  readonly holder: string;
  /** The verified credentials, in the order of the presentation. */
  readonly credentials: readonly VerifiedCredential[];
}

/**
 * Verifies a signed presentation of any format, and each credential in it.
 *
 * The holder signed with a key that its DID document lists for `authentication`. **The holder need not be the subject of the
 * credentials**: compare `credentialSubject.id` with `holder` where that matters.
 *
 * @throws VcError with any code. `credentialIndex` is set if a credential caused it.
 * @throws the reason of the signal after an abort.
 * @throws TypeError if an option is invalid.
 * @example
 * ```ts
 * import type { DidResolver } from "@parley/did";
 * import { verifyPresentation } from "@parley/vc";
 *
 * async function holderOf(signed: string, nonce: string, resolver: DidResolver): Promise<string> {
 *   const { holder } = await verifyPresentation(signed, { resolver, nonce, audience: "did:web:verifier.example" });
 *   return holder;
 * }
 * ```
 */
export async function verifyPresentation(signed: string, options: VerifyPresentationOptions): Promise<VerifiedPresentation> {
  if (typeof signed !== "string") throw new TypeError("A signed presentation must be a string");
  const verification = beginVerification(options);
  const secured = readSecured(signed, PRESENTATION, verification.limits.maxPresentationLength);
  const holder = await verifyHolder(secured, verification);
  checkBinding(secured, options, verification);
  const { credentials: parts, version } = checkPresentation(secured.document);
  if (version === "1.1" && secured.signature.type !== "jwt") {
    throw new VcError("presentation_invalid", "A presentation of VCDM 1.1 is only supported in the format jwt");
  }
  const { maxCredentials } = verification.limits;
  if (parts.length > maxCredentials) throw new VcError("too_large", `The presentation has more than ${maxCredentials} credentials`);
  // In sequence, so that one presentation cannot start 32 resolutions at once.
  const credentials: VerifiedCredential[] = [];
  for (const [index, part] of parts.entries()) credentials.push(await verifyNumbered(part, index, verification));
  const { document: presentation, headers, format } = secured;
  return { presentation, headers, format, holder, credentials };
}

async function verifyHolder(secured: Secured, verification: Verification): Promise<string> {
  const holder = holderOf(secured.document) ?? signerDid(secured);
  if (holder === undefined) throw new VcError("kid_invalid", "The presentation has neither a holder nor the id of a DID's key");
  await authenticate(secured, holder, PRESENTATION, verification);
  checkSecuringPeriod(secured, PRESENTATION, verification);
  return holder;
}

function checkBinding(secured: Secured, expected: VerifyPresentationOptions, verification: Verification): void {
  const { nonce, audience } = bindingOf(secured);
  if (expected.audience !== undefined && audience === undefined) {
    throw new VcError("audience_missing", "The presentation is not bound to an audience");
  }
  checkAudience(secured, verification);
  if (expected.nonce === undefined) return;
  if (nonce === undefined) throw new VcError("nonce_missing", "The presentation has no nonce");
  if (nonce !== expected.nonce) throw new VcError("nonce_mismatch", "The presentation has a different nonce");
}

async function verifyNumbered(part: string | JsonObject, index: number, verification: Verification): Promise<VerifiedCredential> {
  try {
    return await verifyPart(part, verification);
  } catch (error) {
    if (!(error instanceof VcError)) throw error;
    const { code, message, retryable } = error;
    throw new VcError(code, `Credential ${index}: ${message}`, { cause: error, retryable, credentialIndex: index });
  }
}
