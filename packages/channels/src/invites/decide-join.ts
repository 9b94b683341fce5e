import type { PendingJoin } from "../api/join-state.ts";
import { checkJoinRequest } from "./check-join-request.ts";
import { InviteError } from "./invite-error.ts";
import { signatureKeyIn } from "./key-package-holder.ts";

/** What to do about a request to join. */
export type JoinDecision =
  /** Add it. `inviter`: signature key of the member who made the invite. */
  | { readonly kind: "admit"; readonly inviter: Uint8Array }
  /** Its key is a member's already. */
  | { readonly kind: "is-member"; readonly key: Uint8Array; readonly inviter: Uint8Array }
  /** It isn't what it should be. */
  | { readonly kind: "wrong"; readonly error: InviteError };

/** Who judges. */
export interface JoinFacts {
  readonly ownKey: Uint8Array;
  /** Signature keys of all members. */
  readonly memberKeys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Judges a request, without believing anything because the server says so. */
export function decideJoin(join: PendingJoin, { ownKey, memberKeys, now }: JoinFacts): JoinDecision {
  try {
    const { inviter } = checkJoinRequest(join, { memberKeys: [ownKey, ...memberKeys], now });
    const key = signatureKeyIn(join.keyPackage);
    if (key !== undefined && memberKeys.some((member) => Buffer.compare(member, key) === 0)) return { kind: "is-member", key, inviter };
    return { kind: "admit", inviter };
  } catch (error) {
    if (!(error instanceof InviteError)) throw error;
    return { kind: "wrong", error };
  }
}
