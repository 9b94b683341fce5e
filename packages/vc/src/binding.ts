import type { Kind } from "./kind.ts";
import type { Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { checkPeriod, type Verification } from "./verification.ts";

/** What a presentation was made for. */
export interface Binding {
  readonly nonce: string | undefined;
  readonly audience: readonly string[] | undefined;
}

/** `nonce` and `aud` of a JWT; `challenge` and `domain` of a proof. */
export function bindingOf({ signature }: Secured): Binding {
  if (signature.type === "json") return { nonce: signature.proof.challenge, audience: signature.proof.domain };
  return { nonce: signature.claims.nonce, audience: signature.claims.aud };
}

/** Whom it was made for: none at all, or this verifier among others (RFC 7519, section 4.1.3). */
export function checkAudience(secured: Secured, { audience: self }: Verification): void {
  const { audience } = bindingOf(secured);
  if (audience === undefined) return;
  if (self === undefined)
    throw new VcError(
      "audience_mismatch",
      "It is made for an audience, and this verifier does not say who it is: give the option audience",
    );
  if (!audience.includes(self)) throw new VcError("audience_mismatch", "It is made for another audience");
}

/** Whether now is within the time that the securing itself allows. `nbf` and `exp` of a VCDM 1.1 credential are its own dates instead. */
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

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
