import type { PendingJoin } from "../api/joins.ts";
import { checkJoin } from "./admission-check.ts";
import { InviteError } from "./invite-error.ts";
import { signatureKeyIn } from "./key-package.ts";

/** What to do about a request to join. */
export type Verdict =
  /** Add it. `madeBy`: signature key of the member who made the invite. */
  | { readonly kind: "admit"; readonly madeBy: Uint8Array }
  /** Its key is a member's already. */
  | { readonly kind: "is-member"; readonly key: Uint8Array; readonly madeBy: Uint8Array }
  /** It isn't what it should be. */
  | { readonly kind: "wrong"; readonly error: InviteError };

/** Who judges. */
export interface Judge {
  readonly ownKey: Uint8Array;
  /** Signature keys of all members. */
  readonly memberKeys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Judges a request, without believing anything because the server says so. */
export function judge(join: PendingJoin, { ownKey, memberKeys, now }: Judge): Verdict {
  try {
    const { madeBy } = checkJoin(join, { memberKeys: [ownKey, ...memberKeys], now });
    const key = signatureKeyIn(join.keyPackage);
    if (key !== undefined && memberKeys.some((member) => Buffer.compare(member, key) === 0)) return { kind: "is-member", key, madeBy };
    return { kind: "admit", madeBy };
  } catch (error) {
    if (!(error instanceof InviteError)) throw error;
    return { kind: "wrong", error };
  }
}
