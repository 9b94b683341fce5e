import { ParleyError } from "@parley/core";

/**
 * Why the API server refuses a call.
 *
 * | code | HTTP | meaning |
 * | --- | --- | --- |
 * | `malformed_request` | 400 | a member of the request is missing or malformed; the text names it |
 * | `invalid_channel_name` | 400 | not `org/namespace/service` |
 * | `unauthorized` | 401 | the header `authorization` is missing or malformed |
 * | `key_invalid` | 401 | the API key is unknown or revoked |
 * | `token_invalid` | 401 | the token is malformed, expired, for somebody else, or its API key is revoked |
 * | `key_required` | 401 | this call takes an API key, not a token made from one |
 * | `signup_closed` | 403 | accounts are made by the operator only |
 * | `not_permitted` | 403 | the account may use the channel, but this is for its owner, or for the account that made the thing |
 * | `not_found` | 404 | there is no such key, channel, grant or path, or it's not yours to see |
 * | `invite_unknown` | 404 | there is no such invite of the channel, or the proof doesn't fit it |
 * | `join_unknown` | 404 | there is no such request to join, or it's not yours to see |
 * | `email_taken` | 409 | there is an account with this email address |
 * | `org_taken` | 409 | the org belongs to another account |
 * | `channel_exists` | 409 | the channel was created before |
 * | `id_taken` | 409 | the id stands for something else |
 * | `already_answered` | 409 | the request to join has another answer |
 * | `invite_expired` | 410 | the invite's time is over |
 * | `invite_exhausted` | 410 | all uses of the invite are taken |
 * | `invite_revoked` | 410 | the invite was revoked |
 * | `join_expired` | 410 | nobody answered the request to join in time |
 * | `too_large` | 413 | the body is larger than any of this call may be |
 * | `limit_reached` | 429 | the account, org or channel has as many of these as it may |
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

/** A refusal by the API server. Its message is told to the client. */
export class ApiError extends ParleyError<ApiErrorCode> {
  override readonly name: string = "ApiError";

  constructor(code: ApiErrorCode, message: string) {
    super(code, message, { retryable: code === "rate_limited" });
  }
}
