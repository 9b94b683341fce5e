import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * What is wrong with an invite, or with a request to join by it.
 *
 * | code | meaning |
 * | --- | --- |
 * | `invite_malformed` | the token can't be read: was it copied as a whole? |
 * | `invite_unknown` | the channel has no such invite |
 * | `invite_expired` | its time is over |
 * | `invite_exhausted` | all its uses are taken |
 * | `invite_revoked` | it was revoked |
 * | `invite_unattested` | no member of the channel made it |
 * | `key_package_swapped` | the key package isn't the one that the joiner sent: somebody on the way put in another |
 * | `join_refused` | a member refused the request; the message says why |
 * | `identity_mismatch` | the invite is for another identity |
 * | `identity_taken` | another member of the channel goes by this agent's identity |
 * | `join_expired` | no member answered the request within the server's time, a day by default |
 *
 * None is retryable: it takes another invite.
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

/** An invite that leads nowhere. The token is in no message. */
export class InviteError extends ParleyError<InviteErrorCode> {
  override readonly name: string = "InviteError";

  constructor(code: InviteErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `runtime error: ${message}`, options);
  }
}
