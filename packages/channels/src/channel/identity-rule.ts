import { ChannelError } from "../errors.ts";
import type { KeyPackageHolder } from "../invites/key-package.ts";
import { identityName } from "./identity-name.ts";
import { isSame } from "./member.ts";

/** Who is in a group, or is to be added to it. */
interface Holder {
  readonly identity: Uint8Array | undefined;
  readonly signatureKey: Uint8Array;
}

/**
 * Checks that no two members of a channel will go by one identity: an identity names one signature key. Members check it before
 * they add others; commits of other members are not checked.
 *
 * @param added the holders of the key packages that are to be added.
 * @throws ChannelError `identity_taken`
 */
export function checkIdentitiesFree(channel: string, members: readonly Holder[], added: readonly KeyPackageHolder[]): void {
  const known: Holder[] = [...members];
  for (const holder of added) {
    const { identity, signatureKey } = holder;
    const other = identity && known.find((one) => one.identity !== undefined && isSame(one.identity, identity));
    if (identity !== undefined && other !== undefined && !isSame(other.signatureKey, signatureKey)) throw taken(channel, identity);
    known.push(holder);
  }
}

function taken(channel: string, identity: Uint8Array): ChannelError {
  const name = JSON.stringify(identityName(identity));
  const advice = "choose another one, have a member remove the former agent first (removeMember), or allow it (allowSameIdentity)";
  return new ChannelError("identity_taken", `the identity ${name} belongs to another member of ${channel}: ${advice}`);
}
