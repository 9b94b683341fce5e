import type { MlsMember } from "@parley/mls-engine";
import { identityName } from "./identity-name.ts";

/** A member of a channel. */
export interface ChannelMember {
  /** Who it says that it is. The member that added it vouches for that; nobody else has checked it. */
  readonly identity: Uint8Array;
  /** {@link ChannelMember.identity} as text: itself where it is UTF-8, else `base64url:…`. */
  readonly name: string;
  /** What it signs with: one member, whatever its identity is called. */
  readonly signatureKey: Uint8Array;
  /** Its place in the group; another's when it has gone. */
  readonly leaf: number;
}

export function memberOf({ identity, signatureKey, leaf }: MlsMember): ChannelMember {
  const bytes = identity ?? new Uint8Array();
  return { identity: bytes, name: identityName(bytes), signatureKey, leaf };
}

/** An identity as given by a caller: text is taken as UTF-8. */
export function identityBytes(identity: string | Uint8Array): Uint8Array {
  return typeof identity === "string" ? new TextEncoder().encode(identity) : identity;
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
