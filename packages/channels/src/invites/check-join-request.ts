import type { PendingJoin } from "../api/join-state.ts";
import { isEqual } from "../channel/channel-member.ts";
import { identityHash, verifyInviteTerms, type InviteTerms } from "./invite-terms.ts";
import { InviteError } from "./invite-error.ts";
import { holderOf } from "./key-package-holder.ts";
import { IDENTITY_MISMATCH_REASON } from "./join-rejection.ts";
import { hasValidProof } from "./join-request.ts";

/** The facts that a request is checked against. */
export interface JoinRequestFacts {
  /** Signature keys of the channel's members, this agent's first. */
  readonly memberKeys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How long after the expiry of its invite a request can be approved, in seconds. The server accepts requests only before the expiry. */
const WINDOW_SECONDS = 24 * 3600;
const SECOND = 1000;

/**
 * Checks a join request before its key package is added. Returns the terms of its invite, and the signature key of the inviting member.
 *
 * Trusts nothing that the server asserts: the invite must be signed by a member, and the key package by the holder of the invite.
 *
 * @throws InviteError `key_package_swapped`, `invite_unattested`, `invite_expired`, `identity_mismatch`
 */
export function checkJoinRequest(join: PendingJoin, { memberKeys, now }: JoinRequestFacts): InviteTerms & { readonly inviter: Uint8Array } {
  const { channel, inviteKey, attestation } = join;
  if (!hasValidProof(join, inviteKey)) {
    throw new InviteError("key_package_swapped", "the join request was tampered with: its proof does not match its key package");
  }
  const terms = verifyInviteTerms(attestation, { channel, inviteKey, memberKeys });
  if (terms === undefined) throw new InviteError("invite_unattested", "the invite is not signed by a member of the channel");
  if (terms.expiresAt + WINDOW_SECONDS < now / SECOND) throw new InviteError("invite_expired", "the invite has expired");
  if (terms.identityHash !== undefined && !isForIdentity(terms.identityHash, inviteKey, join.keyPackage)) {
    throw new InviteError("identity_mismatch", IDENTITY_MISMATCH_REASON);
  }
  return terms;
}

function isForIdentity(hash: Uint8Array, inviteKey: Uint8Array, keyPackage: Uint8Array): boolean {
  const identity = holderOf(keyPackage)?.identity;
  return identity !== undefined && isEqual(identityHash(inviteKey, identity), hash);
}
