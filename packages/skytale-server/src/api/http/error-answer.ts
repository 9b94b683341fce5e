import { StorageError } from "@parley/storage";
import type { FastifyError } from "fastify";
import { RegistryError } from "../../registry/registry-error.ts";
import { ApiError, type ApiErrorCode } from "../api-error.ts";

/** How an error is answered. */
export interface ErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly error: string;
}

/** The one table from codes to HTTP. */
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

const INTERNAL: ErrorAnswer = { status: 500, code: "internal", error: "internal error" };

/** Says how an error is answered. What isn't a client's doing says nothing about itself. */
export function answerTo(thrown: unknown): ErrorAnswer {
  if (thrown instanceof ApiError) return { status: STATUS[thrown.code], code: thrown.code, error: thrown.message };
  if (thrown instanceof RegistryError || (thrown instanceof StorageError && thrown.retryable)) {
    return { status: 503, code: "busy", error: "the server could not store or read it; try again" };
  }
  if (thrown instanceof Error && "statusCode" in thrown) return ofFastify(thrown as FastifyError);
  return INTERNAL;
}

function ofFastify({ statusCode = 500, validation, validationContext, message }: FastifyError): ErrorAnswer {
  if (validation !== undefined) {
    const [first] = validation;
    const path = first?.instancePath.split("/").filter((part) => part !== "");
    const where = [validationContext ?? "request", ...(path ?? [])].join("/");
    return { status: 400, code: "malformed_request", error: `${where}: ${first?.message ?? "is malformed"}` };
  }
  if (statusCode === 413) return { status: 413, code: "too_large", error: "the body is too large" };
  if (statusCode === 415) {
    return { status: 400, code: "malformed_request", error: "the body must be JSON, with the header content-type: application/json" };
  }
  if (statusCode >= 400 && statusCode < 500) return { status: 400, code: "malformed_request", error: message };
  return INTERNAL;
}
