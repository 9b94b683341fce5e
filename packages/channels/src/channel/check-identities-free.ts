import { ChannelError } from "../errors.ts";
import type { KeyPackageHolder } from "../invites/key-package-holder.ts";
import { identityName } from "./identity-name.ts";
import { isEqual } from "./channel-member.ts";

/** Who is in a group, or is to be added to it. */
interface Holder {
  readonly identity: Uint8Array | undefined;
  readonly signatureKey: Uint8Array;
}

/**
 * Checks that no two members of a channel will have one identity before a change is tried: an identity belongs to one signature key. The
 * engine checks it again, of this member's commits and of those of others.
 *
 * @param added the holders of the key packages that are to be added.
 * @throws ChannelError `identity_taken`
 */
export function checkIdentitiesFree(channel: string, members: readonly Holder[], added: readonly KeyPackageHolder[]): void {
  const known: Holder[] = [...members];
  for (const holder of added) {
    const { identity, signatureKey } = holder;
    const other = identity && known.find((one) => one.identity !== undefined && isEqual(one.identity, identity));
    if (identity !== undefined && other !== undefined && !isEqual(other.signatureKey, signatureKey)) throw taken(channel, identity);
    known.push(holder);
  }
}

/** The identities that several members have, as text, with how many have each: groups of an earlier version may hold such members. */
export function sharedIdentities(members: readonly Holder[]): readonly { readonly name: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { identity } of members) {
    if (identity !== undefined) counts.set(identityName(identity), (counts.get(identityName(identity)) ?? 0) + 1);
  }
  return Array.from(counts, ([name, count]) => ({ name, count })).filter(({ count }) => count > 1);
}

function taken(channel: string, identity: Uint8Array): ChannelError {
  const name = JSON.stringify(identityName(identity));
  const advice =
    "choose another one, have a member remove the former agent first (removeMember), or allow it at all agents (allowSameIdentity)";
  return new ChannelError("identity_taken", `the identity ${name} belongs to another member of ${channel}: ${advice}`);
}
