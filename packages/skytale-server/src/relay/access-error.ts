import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a token is refused.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `token_invalid` | it is malformed, not valid yet, or signed by somebody else | no |
 * | `token_expired` | its time is over; ask for a new one | no |
 * | `key_revoked` | the API key that it was made from has been revoked | no |
 */
export type AccessErrorCode = "token_invalid" | "token_expired" | "key_revoked";

/** A token was refused. The message is told to the client. */
export class AccessError extends ParleyError<AccessErrorCode> {
  override readonly name: string = "AccessError";

  constructor(code: AccessErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, options);
  }
}
