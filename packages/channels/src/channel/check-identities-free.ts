import { ChannelError } from "../errors.ts";
import type { KeyPackageHolder } from "../invites/key-package-holder.ts";
import { identityName } from "./identity-name.ts";
import { isEqual } from "./channel-member.ts";

/** A member of a group, or an agent to be added. */
interface Holder {
  readonly identity: Uint8Array | undefined;
  readonly signatureKey: Uint8Array;
}

/**
 * Checks, before a commit is created, that adding agents would not give one identity to two signature keys. The engine enforces the same rule
 * for all commits; this check reports the identity by name.
 *
 * @param added holders of the key packages to be added.
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

/** Identities that several members share, with the number of those members. Groups of earlier versions can contain them. */
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
