import { ApiError } from "./api-error.ts";

/** Terms (the uses as 4 bytes, the end as 8), and an Ed25519 signature. Terms of later versions may be longer. */
const MIN_BYTES = 4 + 8 + 64;

/**
 * Checks the form of an invite's attestation: its length, and that its terms equal those of the invite. Only members can check its signature.
 * Members reject join requests for an invite without a member's signature.
 *
 * @throws ApiError `malformed_request`
 */
export function checkAttestation(attestation: string, { maxUses }: { readonly maxUses: number }): void {
  const bytes = Buffer.from(attestation, "base64url");
  if (bytes.length < MIN_BYTES) throw new ApiError("malformed_request", `attestation: must have ${MIN_BYTES} bytes or more`);
  if (bytes.readUInt32BE(0) !== maxUses)
    throw new ApiError("malformed_request", "attestation: is for another number of uses than max_uses");
}
