import { ParleyError } from "@parley/core";

/**
 * Reasons for which the API server rejects a call.
 *
 * | code | HTTP | meaning |
 * | --- | --- | --- |
 * | `malformed_request` | 400 | a member of the request is missing or malformed; the text names it |
 * | `invalid_channel_name` | 400 | not `org/namespace/service` |
 * | `unauthorized` | 401 | the header `authorization` is missing or malformed |
 * | `key_invalid` | 401 | the API key is unknown or revoked |
 * | `token_invalid` | 401 | the token is malformed, expired or for another audience, or its API key is revoked |
 * | `key_required` | 401 | this call takes an API key, not a token made from one |
 * | `signup_closed` | 403 | only the operator creates accounts |
 * | `not_permitted` | 403 | the account may use the channel, but this is for its owner, or for the account that created the resource |
 * | `not_found` | 404 | the key, channel, grant or path is unknown, or not visible to the account |
 * | `invite_unknown` | 404 | the channel's invite is unknown, or the proof does not match it |
 * | `join_unknown` | 404 | the join request is unknown, or not visible to the account |
 * | `email_taken` | 409 | an account with this email address exists |
 * | `org_taken` | 409 | the org belongs to another account |
 * | `channel_exists` | 409 | the channel was created before |
 * | `id_taken` | 409 | the id is in use for another resource |
 * | `already_answered` | 409 | the join request has another response |
 * | `invite_expired` | 410 | the invite has expired |
 * | `invite_exhausted` | 410 | all uses of the invite are taken |
 * | `invite_revoked` | 410 | the invite was revoked |
 * | `join_expired` | 410 | the join request expired without a response |
 * | `too_large` | 413 | the body exceeds the limit of this call |
 * | `limit_reached` | 429 | a limit of the account, org or channel is reached |
 * | `rate_limited` | 429 | too many calls in a short time |
 */
export type ApiErrorCode =
  | "malformed_request"
  | "invalid_channel_name"
  | "unauthorized"
  | "key_invalid"
  | "token_invalid"
  | "key_required"
  | "signup_closed"
  | "not_permitted"
  | "not_found"
  | "invite_unknown"
  | "join_unknown"
  | "email_taken"
  | "org_taken"
  | "channel_exists"
  | "id_taken"
  | "already_answered"
  | "invite_expired"
  | "invite_exhausted"
  | "invite_revoked"
  | "join_expired"
  | "too_large"
  | "limit_reached"
  | "rate_limited";

/** A rejection by the API server. The client receives its message. */
export class ApiError extends ParleyError<ApiErrorCode> {
  override readonly name: string = "ApiError";

  constructor(code: ApiErrorCode, message: string) {
    super(code, message, { retryable: code === "rate_limited" });
  }
}
