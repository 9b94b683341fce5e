import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Reasons for which a token is rejected.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `token_invalid` | the token is malformed, not valid yet, or signed by another issuer | no |
 * | `token_expired` | the token has expired: request a new one | no |
 * | `key_revoked` | the API key of the token was revoked | no |
 */
export type AccessErrorCode = "token_invalid" | "token_expired" | "key_revoked";

/** A token was rejected. The message is sent to the client. */
export class AccessError extends ParleyError<AccessErrorCode> {
  override readonly name: string = "AccessError";

  constructor(code: AccessErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, options);
  }
}
