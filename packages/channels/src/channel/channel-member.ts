import type { MlsMember } from "@parley/mls-engine";
import { ChannelError } from "../errors.ts";
import { identityName } from "./identity-name.ts";

/** A member of a channel. */
export interface ChannelMember {
  /**
   * Claimed identity, vouched for by the member that added this one, and unique in the channel at any time. It is not proved: base decisions
   * on {@link ChannelMember.signatureKey}.
   */
  readonly identity: Uint8Array;
  /** {@link ChannelMember.identity} as text: unchanged if it is valid UTF-8, otherwise `base64url:…`. */
  readonly name: string;
  /** Verifies each message of the member. Identifies it as long as it is a member. */
  readonly signatureKey: Uint8Array;
  /** Leaf index in the group. Reused after the member is removed. */
  readonly leaf: number;
}

export function memberOf({ identity, signatureKey, leaf }: MlsMember): ChannelMember {
  const bytes = identity ?? new Uint8Array();
  return { identity: bytes, name: identityName(bytes), signatureKey, leaf };
}

/** Selects one member: by its signature key, such as a {@link ChannelMember}, or by an identity that no other member has. */
export type MemberName = Pick<ChannelMember, "signatureKey"> | string | Uint8Array;

/**
 * The signature key of the selected member. A given key is returned unchecked: its member may have been removed.
 *
 * @throws ChannelError `not_found`, `identity_ambiguous`; TypeError
 */
export function keyOfMember(channel: string, members: readonly MlsMember[], name: MemberName): Uint8Array {
  if (typeof name !== "string" && !(name instanceof Uint8Array)) {
    const key: unknown = (name as Partial<ChannelMember> | null)?.signatureKey;
    if (key instanceof Uint8Array) return key;
    throw new TypeError("A member must be an identity (text or bytes), or an object with a signatureKey, such as an element of members");
  }
  const identity = identityBytes(name);
  const [found, another] = members.filter((member) => member.identity !== undefined && isEqual(member.identity, identity));
  const who = JSON.stringify(identityName(identity));
  if (found === undefined) throw new ChannelError("not_found", `no member of ${channel} has the identity ${who}`);
  if (another === undefined) return found.signatureKey;
  throw new ChannelError(
    "identity_ambiguous",
    `several members of ${channel} have the identity ${who}: pass an element of members, or { signatureKey }`,
  );
}

/** The bytes of an identity; text is encoded as UTF-8. */
export function identityBytes(identity: string | Uint8Array): Uint8Array {
  return typeof identity === "string" ? new TextEncoder().encode(identity) : identity;
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
