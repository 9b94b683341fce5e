import type { User } from "@a2a-js/sdk/server";
import type { Sender } from "../party.ts";

/**
 * Who calls over a channel, as the official SDK knows it: `context.user`. The SDK owns tasks by `userName`, so that is the caller's key
 * where the channel has keys, and its name elsewhere.
 */
export class ChannelUser implements User {
  readonly isAuthenticated: boolean;
  /** `senderKey`, or `claimedName` where the channel has no keys; empty where it can't tell. */
  readonly userName: string;
  /** What the caller calls itself: `sender`. */
  readonly claimedName: string | undefined;
  /** The key that the caller has proved to hold. */
  readonly senderKey: string | undefined;

  constructor({ sender, senderKey }: Sender) {
    this.isAuthenticated = (senderKey ?? sender) !== undefined;
    this.userName = senderKey ?? sender ?? "";
    this.claimedName = sender;
    this.senderKey = senderKey;
  }
}

/**
 * The name of a call's `context.user` for people to read: what a caller over a channel calls itself, `userName` of any other user. Nobody
 * has proved a name: decide what a caller may do by `userName`.
 */
export function displayNameOf(user: User | undefined): string {
  if (user instanceof ChannelUser) return user.claimedName ?? user.userName;
  return user?.userName ?? "";
}
