import type { JsonObject } from "@parley/core";
import { authenticate, signerDid } from "./authenticate.ts";
import { bindingOf, checkAudience, checkSecuringPeriod } from "./binding.ts";
import type { CredentialFormat } from "./format.ts";
import { PRESENTATION } from "./kind.ts";
import { checkPresentation, holderOf } from "./model/presentation.ts";
import type { VerifyPresentationOptions } from "./options.ts";
import { readSecured, type Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { beginVerification, type Verification } from "./verification.ts";
import { verifyPart, type VerifiedCredential } from "./verify-credential.ts";

/** A presentation that its holder has signed, for this verifier, with credentials that are valid each. */
export interface VerifiedPresentation {
  /** The presentation, as VCDM has it, with its credentials as they were signed. */
  readonly presentation: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  /** DID of who signed. */
  readonly holder: string;
  /** Its credentials, each verified. */
  readonly credentials: readonly VerifiedCredential[];
}

/**
 * Verifies a signed presentation of any format, and each credential in it.
 *
 * The holder is who signed, with a key that their DID document lists for `authentication`. **That they are the subject of the
 * credentials is not checked**, because they needn't be: compare `credentialSubject.id` with `holder` where it matters.
 *
 * @throws VcError with any of its codes; one that a credential caused says which in `credentialIndex`. The signal's own reason on abort.
 */
export async function verifyPresentation(signed: string, options: VerifyPresentationOptions): Promise<VerifiedPresentation> {
  if (typeof signed !== "string") throw new TypeError("A signed presentation is a text");
  const verification = beginVerification(options);
  const secured = readSecured(signed, PRESENTATION, verification.limits.maxPresentationLength);
  const holder = await verifyHolder(secured, verification);
  checkBinding(secured, options, verification);
  const { credentials: parts, version } = checkPresentation(secured.document);
  if (version === "1.1" && secured.signature.type !== "jwt") {
    throw new VcError("presentation_invalid", "A presentation of VCDM 1.1 is only supported in the format jwt");
  }
  const { maxCredentials } = verification.limits;
  if (parts.length > maxCredentials) throw new VcError("too_large", `A presentation has at most ${maxCredentials} credentials`);
  // One after the other: a stranger's presentation does not start 32 resolutions at once.
  const credentials: VerifiedCredential[] = [];
  for (const [index, part] of parts.entries()) credentials.push(await verifyNumbered(part, index, verification));
  const { document: presentation, headers, format } = secured;
  return { presentation, headers, format, holder, credentials };
}

async function verifyHolder(secured: Secured, verification: Verification): Promise<string> {
  const holder = holderOf(secured.document) ?? signerDid(secured);
  if (holder === undefined) throw new VcError("kid_invalid", "The presentation names neither a holder nor a key of a DID");
  await authenticate(secured, holder, PRESENTATION, verification);
  checkSecuringPeriod(secured, PRESENTATION, verification);
  return holder;
}

function checkBinding(secured: Secured, expected: VerifyPresentationOptions, verification: Verification): void {
  const { nonce, audience } = bindingOf(secured);
  if (expected.audience !== undefined && audience === undefined) {
    throw new VcError("audience_missing", "The presentation is made for no audience");
  }
  checkAudience(secured, verification);
  if (expected.nonce === undefined) return;
  if (nonce === undefined) throw new VcError("nonce_missing", "The presentation has no nonce");
  if (nonce !== expected.nonce) throw new VcError("nonce_mismatch", "The presentation has another nonce");
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
