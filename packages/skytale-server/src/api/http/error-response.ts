import type { ErrorMapping } from "@parley/server-kit/http";
import { StorageError } from "@parley/storage";
import { RegistryError } from "../../registry/registry-error.ts";
import { ApiError, type ApiErrorCode } from "../api-error.ts";

/** The HTTP status of each code. */
const STATUS: Readonly<Record<ApiErrorCode, number>> = {
  malformed_request: 400,
  invalid_channel_name: 400,
  unauthorized: 401,
  key_invalid: 401,
  token_invalid: 401,
  key_required: 401,
  signup_closed: 403,
  not_permitted: 403,
  not_found: 404,
  invite_unknown: 404,
  join_unknown: 404,
  email_taken: 409,
  org_taken: 409,
  channel_exists: 409,
  id_taken: 409,
  already_answered: 409,
  invite_expired: 410,
  invite_exhausted: 410,
  invite_revoked: 410,
  join_expired: 410,
  too_large: 413,
  limit_reached: 429,
  rate_limited: 429,
};

/** Maps errors to HTTP responses: the only such table. */
export const ERRORS: ErrorMapping = {
  own: (thrown) => {
    if (thrown instanceof ApiError) return { status: STATUS[thrown.code], code: thrown.code, error: thrown.message };
    if (thrown instanceof RegistryError || (thrown instanceof StorageError && thrown.retryable)) {
      return { status: 503, code: "busy", error: "the server could not store or read it; try again" };
    }
    return undefined;
  },
  rejected: (status, message) => {
    if (status === 413) return { status, code: "too_large", error: "the body is too large" };
    const error = status === 415 ? "the body must be JSON, with the header content-type: application/json" : message;
    return { status: 400, code: "malformed_request", error };
  },
};
