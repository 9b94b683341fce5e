import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Problems with an invite, or with a join request made with it.
 *
 * | code | meaning |
 * | --- | --- |
 * | `invite_malformed` | the token is malformed; check that all of it was copied |
 * | `invite_unknown` | the channel does not have this invite |
 * | `invite_expired` | the invite has expired |
 * | `invite_exhausted` | all uses of the invite are taken |
 * | `invite_revoked` | the invite was revoked |
 * | `invite_unattested` | the invite is not signed by a member of the channel |
 * | `key_package_swapped` | the key package was replaced in transit: it is not signed by the holder of the invite |
 * | `join_refused` | a member rejected the request; the message contains the reason |
 * | `identity_mismatch` | the invite is for another identity |
 * | `identity_taken` | another member of the channel has this agent's identity |
 * | `join_expired` | no member answered the request before it expired on the server, by default after a day |
 *
 * None of them is retryable: ask for another invite.
 */
export type InviteErrorCode =
  | "invite_malformed"
  | "invite_unknown"
  | "invite_expired"
  | "invite_exhausted"
  | "invite_revoked"
  | "invite_unattested"
  | "key_package_swapped"
  | "join_refused"
  | "identity_mismatch"
  | "identity_taken"
  | "join_expired";

/** An invite or join request failed. Messages never contain the token. */
export class InviteError extends ParleyError<InviteErrorCode> {
  override readonly name: string = "InviteError";

  constructor(code: InviteErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `runtime error: ${message}`, options);
  }
}
