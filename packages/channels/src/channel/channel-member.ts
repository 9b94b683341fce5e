import type { MlsMember } from "@parley/mls-engine";
import { ChannelError } from "../errors.ts";
import { identityName } from "./identity-name.ts";

/** A member of a channel. */
export interface ChannelMember {
  /**
   * Who it claims to be. Whoever added it vouches for that, and no other member of the channel has the identity now; nobody has proved it.
   * What stays the same is {@link ChannelMember.signatureKey}.
   */
  readonly identity: Uint8Array;
  /** {@link ChannelMember.identity} as text: itself where it is UTF-8, else `base64url:…`. */
  readonly name: string;
  /** What it signs with, proved by each of its messages: one member, whatever its identity is called, as long as it is a member. */
  readonly signatureKey: Uint8Array;
  /** Its place in the group; another's when it has gone. */
  readonly leaf: number;
}

export function memberOf({ identity, signatureKey, leaf }: MlsMember): ChannelMember {
  const bytes = identity ?? new Uint8Array();
  return { identity: bytes, name: identityName(bytes), signatureKey, leaf };
}

/** Names one member: by its signature key, as a {@link ChannelMember} does, or by an identity that no other member has. */
export type MemberName = Pick<ChannelMember, "signatureKey"> | string | Uint8Array;

/**
 * The signature key of the member that a caller names. One that is given by its key may have gone.
 *
 * @throws ChannelError `not_found`, `identity_ambiguous`; TypeError
 */
export function keyOfMember(channel: string, members: readonly MlsMember[], name: MemberName): Uint8Array {
  if (typeof name !== "string" && !(name instanceof Uint8Array)) {
    const key: unknown = (name as Partial<ChannelMember> | null)?.signatureKey;
    if (key instanceof Uint8Array) return key;
    throw new TypeError("a member is named by an identity (text or bytes), or by an object with its signatureKey, such as one of members");
  }
  const identity = identityBytes(name);
  const [found, another] = members.filter((member) => member.identity !== undefined && isEqual(member.identity, identity));
  const who = JSON.stringify(identityName(identity));
  if (found === undefined) throw new ChannelError("not_found", `no member of ${channel} goes by ${who}`);
  if (another === undefined) return found.signatureKey;
  throw new ChannelError(
    "identity_ambiguous",
    `several members of ${channel} have the identity ${who}: name one by an object of members, or by { signatureKey }`,
  );
}

/** An identity as given by a caller: text is taken as UTF-8. */
export function identityBytes(identity: string | Uint8Array): Uint8Array {
  return typeof identity === "string" ? new TextEncoder().encode(identity) : identity;
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
