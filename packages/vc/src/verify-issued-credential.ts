import { authenticate } from "./authenticate.ts";
import { checkAudience, checkSecuringPeriod } from "./binding.ts";
import { CREDENTIAL } from "./kind.ts";
import { checkCredential, issuerOf, type CredentialFacts } from "./model/credential.ts";
import type { Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";
import { checkPeriod, type Period, type Verification } from "./verification.ts";

/**
 * Verifies everything about a credential except its status. Called for credentials and for status list credentials.
 *
 * @throws VcError
 */
export async function verifyIssuedCredential(secured: Secured, verification: Verification): Promise<CredentialFacts> {
  await authenticate(secured, issuerOf(secured.document), CREDENTIAL, verification);
  checkSecuringPeriod(secured, CREDENTIAL, verification);
  checkAudience(secured, verification);
  const facts = checkCredential(secured.document);
  if (facts.version === "1.1" && secured.signature.type !== "jwt") {
    throw new VcError("credential_invalid", "A credential of VCDM 1.1 is only supported in the format jwt");
  }
  checkPeriod("The credential", periodOf(facts, secured), verification, { early: "not_yet_valid", late: "expired" });
  return facts;
}

/** The validity period, and the members that state it: for a JWT of VCDM 1.1, `nbf` and `exp` where present. */
function periodOf({ version, validFrom, validUntil }: CredentialFacts, { signature }: Secured): Period {
  const claims = signature.type === "jwt" ? signature.claims : {};
  const [from, until] = version === "2.0" ? ["validFrom", "validUntil"] : ["issuanceDate", "expirationDate"];
  return {
    from: { member: claims.nbf === undefined ? from : "nbf", time: validFrom },
    until: { member: claims.exp === undefined ? until : "exp", time: validUntil },
  };
}
