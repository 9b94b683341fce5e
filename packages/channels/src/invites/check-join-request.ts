import type { PendingJoin } from "../api/join-state.ts";
import { isEqual } from "../channel/channel-member.ts";
import { identityHash, verifyInviteTerms, type InviteTerms } from "./invite-terms.ts";
import { InviteError } from "./invite-error.ts";
import { holderOf } from "./key-package-holder.ts";
import { IDENTITY_MISMATCH_REASON } from "./join-rejection.ts";
import { hasValidProof } from "./join-request.ts";

/** What a request is checked against. */
export interface JoinRequestFacts {
  /** The signature keys of the channel's members, this one's first. */
  readonly memberKeys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How long a request may wait for a member after its invite has expired: the server takes no others. Seconds. */
const WINDOW_SECONDS = 24 * 3600;
const SECOND = 1000;

/**
 * Checks a request to join before its key package is added, and gives the terms of its invite with the key of the member who made it. Nothing of it is believed because the server says so: not that a member
 * made the invite, nor that the key package is the joiner's.
 *
 * @throws InviteError `key_package_swapped`, `invite_unattested`, `invite_expired`, `identity_mismatch`
 */
export function checkJoinRequest(join: PendingJoin, { memberKeys, now }: JoinRequestFacts): InviteTerms & { readonly inviter: Uint8Array } {
  const { channel, inviteKey, attestation } = join;
  if (!hasValidProof(join, inviteKey)) {
    throw new InviteError("key_package_swapped", "a request to join was changed on its way: its proof is not for this key package");
  }
  const terms = verifyInviteTerms(attestation, { channel, inviteKey, memberKeys });
  if (terms === undefined) throw new InviteError("invite_unattested", "no member of the channel made the invite");
  if (terms.expiresAt + WINDOW_SECONDS < now / SECOND) throw new InviteError("invite_expired", "the invite has expired");
  if (terms.identityHash !== undefined && !isFor(terms.identityHash, inviteKey, join.keyPackage)) {
    throw new InviteError("identity_mismatch", IDENTITY_MISMATCH_REASON);
  }
  return terms;
}

function isFor(hash: Uint8Array, inviteKey: Uint8Array, keyPackage: Uint8Array): boolean {
  const identity = holderOf(keyPackage)?.identity;
  return identity !== undefined && isEqual(identityHash(inviteKey, identity), hash);
}
