import { authenticate } from "./authenticate.ts";
import { checkAudience, checkSecuringPeriod } from "./binding.ts";
import { CREDENTIAL } from "./kind.ts";
import { checkCredential, issuerOf, type CredentialFacts } from "./model/credential.ts";
import type { Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { checkPeriod, type Verification } from "./verification.ts";

/** Verifies everything about a credential but its status. */
export async function verifyIssued(secured: Secured, verification: Verification): Promise<CredentialFacts> {
  await authenticate(secured, issuerOf(secured.document), CREDENTIAL, verification);
  checkSecuringPeriod(secured, CREDENTIAL, verification);
  checkAudience(secured, verification);
  const facts = checkCredential(secured.document);
  if (facts.version === "1.1" && secured.signature.type !== "jwt") {
    throw new VcError("credential_invalid", "A credential of VCDM 1.1 is only supported in the format jwt");
  }
  const { validFrom: from, validUntil: until } = facts;
  checkPeriod("The credential", { from, until }, verification, { early: "not_yet_valid", late: "expired" });
  return facts;
}
