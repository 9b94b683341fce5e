import { verifyCredential } from "../verify-credential.ts";
import type { VerifyOptions } from "../verify-options.ts";
import type { Grant } from "./grant.ts";
import { readGrant } from "./read-grant.ts";
import { VcError } from "../vc-error.ts";

/**
 * Verifies a signed grant as a credential, and reads its claims. Rejects a grant that was derived from another one: see {@link readGrantChain}. Whether its issuer may grant this is the caller's decision; whether it permits
 * a message is {@link matchGrant}'s.
 *
 * @throws VcError `grant_invalid`, or a code of {@link verifyCredential}.
 * @throws the reason of the signal after an abort.
 * @throws TypeError if an option is invalid.
 *
 * @example
 * ```ts
 * import { createDidResolver, didKeyMethod } from "@parley/did";
 * import { matchGrant, verifyGrant } from "@parley/vc/grants";
 *
 * const resolver = createDidResolver({ methods: didKeyMethod() });
 *
 * async function permits(signed: string, sender: string, recipient: string, type: string): Promise<boolean> {
 *   const grant = await verifyGrant(signed, { resolver });
 *   return grant.issuer === recipient && matchGrant(grant, { type, resource: recipient, sender }).permitted;
 * }
 * ```
 */
export async function verifyGrant(signed: string, options: VerifyOptions): Promise<Grant> {
  const { credential } = await verifyCredential(signed, options);
  const grant = readGrant(credential);
  if (grant.delegation !== undefined) {
    throw new VcError("grant_invalid", "The grant was derived from another one: verify its chain, as readGrantChain returns it");
  }
  return grant;
}
