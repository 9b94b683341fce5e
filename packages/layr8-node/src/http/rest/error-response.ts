import { DidError } from "@parley/did";
import { StorageError } from "@parley/storage";
import { VcError } from "@parley/vc";
import type { ErrorMapping } from "@parley/server-kit/http";
import { CredentialError, type CredentialErrorCode } from "../../credentials/credential-error.ts";
import { IdentityError, type IdentityErrorCode } from "../../identity/identity-error.ts";
import { BodyError, type BodyFault } from "../read-body.ts";

const CREDENTIAL: Readonly<Record<CredentialErrorCode, number>> = {
  busy: 503,
  timeout: 503,
  credential_unknown: 404,
  wallet_full: 422,
  too_large: 413,
  id_missing: 422,
  issuer_missing: 422,
  issuer_mismatch: 422,
  valid_until_mismatch: 422,
  key_not_held: 422,
  status_unknown: 404,
  status_final: 409,
  status_lists_full: 422,
  nonce_replayed: 422,
  presentation_not_recent: 422,
};

const IDENTITY: Readonly<Record<IdentityErrorCode, number>> = {
  did_invalid: 400,
  did_unknown: 404,
  did_not_allowed: 403,
  ephemeral_not_allowed: 403,
  did_in_use: 409,
  too_many_dids: 403,
};

const BODY: Readonly<Record<BodyFault, string>> = {
  too_large: "too_large",
  no_room: "busy",
  too_slow: "too_slow",
  aborted: "malformed_request",
};

/** A rejected request without a more specific error class. */
export class RequestRejection extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: 400 | 401 | 404 | 429 | 499, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Maps errors to HTTP responses: the only such table. */
export const ERRORS: ErrorMapping = {
  own: (thrown) => {
    if (thrown instanceof RequestRejection) return { status: thrown.status, code: thrown.code, error: thrown.message };
    if (thrown instanceof CredentialError) return { status: CREDENTIAL[thrown.code], code: thrown.code, error: thrown.message };
    if (thrown instanceof IdentityError) return { status: IDENTITY[thrown.code], code: thrown.code, error: thrown.message };
    if (thrown instanceof VcError) return { status: statusOf(thrown), code: thrown.code, error: thrown.message };
    if (thrown instanceof DidError) return { status: statusOfDid(thrown), code: thrown.code, error: thrown.message };
    if (thrown instanceof StorageError && thrown.retryable) {
      return { status: 503, code: thrown.code, error: "the node could not store or read it; try again" };
    }
    if (thrown instanceof BodyError) return { status: thrown.statusCode, code: BODY[thrown.fault], error: thrown.message };
    return undefined;
  },
  rejected: (status, message) => {
    if (status === 404) return { status, code: "not_found", error: message };
    if (status === 413) return { status, code: "too_large", error: message };
    if (status !== 415) return { status, code: "malformed_request", error: message };
    return { status, code: "unsupported_media_type", error: "the body must be JSON, with the header content-type: application/json" };
  },
};

function statusOfDid({ code, retryable }: DidError): number {
  if (retryable) return 502;
  return code === "not_found" ? 404 : 422;
}

/** A retryable error of a credential means that another host could not be reached. */
function statusOf({ code, retryable }: VcError): number {
  if (retryable) return 502;
  return code === "too_large" ? 413 : 422;
}
