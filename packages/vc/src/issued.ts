import { authenticate } from "./authenticate.ts";
import { checkAudience, checkSecuringPeriod } from "./binding.ts";
import { CREDENTIAL } from "./kind.ts";
import { checkCredential, issuerOf, type CredentialFacts } from "./model/credential.ts";
import type { Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { checkPeriod, type Limit, type Verification } from "./verification.ts";

/** Verifies everything about a credential but its status. */
export async function verifyIssued(secured: Secured, verification: Verification): Promise<CredentialFacts> {
  await authenticate(secured, issuerOf(secured.document), CREDENTIAL, verification);
  checkSecuringPeriod(secured, CREDENTIAL, verification);
  checkAudience(secured, verification);
  const facts = checkCredential(secured.document);
  if (facts.version === "1.1" && secured.signature.type !== "jwt") {
    throw new VcError("credential_invalid", "A credential of VCDM 1.1 is only supported in the format jwt");
  }
  const { from, until } = limitsOf(facts, secured);
  checkPeriod("The credential", { from, until }, verification, { early: "not_yet_valid", late: "expired" });
  return facts;
}

/** A JWT of VCDM 1.1 says them as `nbf` and `exp`, if it says them so. */
function limitsOf({ version, validFrom, validUntil }: CredentialFacts, { signature }: Secured): { from: Limit; until: Limit } {
  const claims = signature.type === "jwt" ? signature.claims : {};
  const [from, until] = version === "2.0" ? ["validFrom", "validUntil"] : ["issuanceDate", "expirationDate"];
  return {
    from: { member: claims.nbf === undefined ? from : "nbf", time: validFrom },
    until: { member: claims.exp === undefined ? until : "exp", time: validUntil },
  };
}
