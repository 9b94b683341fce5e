import type { User } from "@a2a-js/sdk/server";
import type { Sender } from "../party.ts";

/**
 * The caller of an agent, as the official SDK's `context.user`. The SDK assigns tasks to `userName`, so that is the caller's key, or its name on
 * channels without keys.
 */
export class ChannelUser implements User {
  readonly isAuthenticated: boolean;
  /** `senderKey`, or `claimedName` on channels without keys; empty if the channel does not know the sender. */
  readonly userName: string;
  /** The name that the caller claims: `sender`. */
  readonly claimedName: string | undefined;
  /** The authenticated key of the caller. */
  readonly senderKey: string | undefined;

  constructor({ sender, senderKey }: Sender) {
    this.isAuthenticated = (senderKey ?? sender) !== undefined;
    this.userName = senderKey ?? sender ?? "";
    this.claimedName = sender;
    this.senderKey = senderKey;
  }
}

/**
 * The display name of a call's `context.user`: the claimed name of a caller over a channel, `userName` of other users. The name is
 * unauthenticated; use `userName` for authorization.
 */
export function displayNameOf(user: User | undefined): string {
  if (user instanceof ChannelUser) return user.claimedName ?? user.userName;
  return user?.userName ?? "";
}
