import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Authentication and authorization failures.
 *
 * | code | meaning |
 * | --- | --- |
 * | `auth_failed` | no token was obtained, or the relay rejected it |
 * | `auth_key_invalid` | the API key is unknown or revoked |
 * | `api_key_required` | the call needs an API key and the URL of an API server, and the client has none |
 * | `unauthorized` | the account is not authorized |
 */
export type AuthErrorCode = "auth_failed" | "auth_key_invalid" | "api_key_required" | "unauthorized";

/** The API key is invalid, or its account is not authorized. Not retryable. */
export class AuthError extends ParleyError<AuthErrorCode> {
  override readonly name: string = "AuthError";

  constructor(code: AuthErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `auth error: ${message}`, options);
  }
}
