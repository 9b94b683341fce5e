import type { Kind } from "./kind.ts";
import type { Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { checkPeriod, type Verification } from "./verification.ts";

/** The verifier and the challenge that a presentation or credential is bound to. */
export interface Binding {
  readonly nonce: string | undefined;
  readonly audience: readonly string[] | undefined;
}

/** `nonce` and `aud` of a JWT; `challenge` and `domain` of a proof. */
export function bindingOf({ signature }: Secured): Binding {
  if (signature.type === "json") return { nonce: signature.proof.challenge, audience: signature.proof.domain };
  return { nonce: signature.claims.nonce, audience: signature.claims.aud };
}

/**
 * Checks that the audience, if there is one, includes this verifier (RFC 7519, section 4.1.3).
 *
 * @throws VcError `audience_mismatch`
 */
export function checkAudience(secured: Secured, { audience: self }: Verification): void {
  const { audience } = bindingOf(secured);
  if (audience === undefined) return;
  if (self === undefined) {
    throw new VcError("audience_mismatch", 'The document is bound to an audience: set the option "audience" to this verifier\'s id');
  }
  if (!audience.includes(self)) throw new VcError("audience_mismatch", "The document is bound to another audience");
}

/**
 * Checks the validity period of the signature or proof. In a credential of VCDM 1.1, `nbf` and `exp` are the credential's own dates and are
 * checked as such.
 *
 * @throws VcError `signature_not_yet_valid`, `signature_expired`
 */
export function checkSecuringPeriod({ signature }: Secured, kind: Kind, verification: Verification): void {
  const codes = { early: "signature_not_yet_valid", late: "signature_expired" } as const;
  if (signature.type === "json") {
    const from = { member: "proof.created", time: undefined };
    checkPeriod("The proof", { from, until: { member: "proof.expires", time: signature.proof.expires } }, verification, codes);
  } else if (signature.type === "compact_jwt" || kind.name === "presentation") {
    const { nbf, exp } = signature.claims;
    const from = { member: "nbf", time: milliseconds(nbf) };
    checkPeriod("The signature", { from, until: { member: "exp", time: milliseconds(exp) } }, verification, codes);
  }
}

/** When the signature or proof expires, in milliseconds since 1970. */
export function securingEnd({ signature }: Secured): number | undefined {
  return signature.type === "json" ? signature.proof.expires : milliseconds(signature.claims.exp);
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
