import type { PendingJoin } from "../api/join-state.ts";
import { checkJoinRequest } from "./check-join-request.ts";
import { InviteError } from "./invite-error.ts";
import { signatureKeyIn } from "./key-package-holder.ts";

/** How to handle a join request. */
export type JoinDecision =
  /** Add the joiner. `inviter`: signature key of the member that created the invite. */
  | { readonly kind: "approve"; readonly inviter: Uint8Array }
  /** The joiner's signature key belongs to a member. */
  | { readonly kind: "is-member"; readonly key: Uint8Array; readonly inviter: Uint8Array }
  /** The request or its invite is not valid. */
  | { readonly kind: "invalid"; readonly error: InviteError };

/** The state of the channel that a request is decided by. */
export interface JoinFacts {
  readonly ownKey: Uint8Array;
  /** Signature keys of all members. */
  readonly memberKeys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Decides a request by signatures alone: nothing that the server asserts is trusted. */
export function decideJoin(join: PendingJoin, { ownKey, memberKeys, now }: JoinFacts): JoinDecision {
  try {
    const { inviter } = checkJoinRequest(join, { memberKeys: [ownKey, ...memberKeys], now });
    const key = signatureKeyIn(join.keyPackage);
    if (key !== undefined && memberKeys.some((member) => Buffer.compare(member, key) === 0)) return { kind: "is-member", key, inviter };
    return { kind: "approve", inviter };
  } catch (error) {
    if (!(error instanceof InviteError)) throw error;
    return { kind: "invalid", error };
  }
}
