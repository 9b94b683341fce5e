import { errorResponse } from "@parley/server-kit/http";
import { StorageError } from "@parley/storage";
import { VcError } from "@parley/vc";
import { describe, expect, it } from "vitest";
import { CredentialError } from "../../src/credentials/credential-error.ts";
import { ERRORS, RequestRejection } from "../../src/http/rest/error-response.ts";
import { IdentityError } from "../../src/identity/identity-error.ts";

const SECRET = "secret of the node";
const INTERNAL = { status: 500, code: "internal", error: "internal error" };

describe("the response to an error", () => {
  it.each([
    [new RequestRejection(429, "rate_limited", "slower"), { status: 429, code: "rate_limited", error: "slower" }],
    [new CredentialError("credential_unknown", "none"), { status: 404, code: "credential_unknown", error: "none" }],
    [new CredentialError("busy", "later"), { status: 503, code: "busy", error: "later" }],
    [new IdentityError("did_not_allowed", "no"), { status: 403, code: "did_not_allowed", error: "no" }],
    [new IdentityError("did_invalid", "no DID"), { status: 400, code: "did_invalid", error: "no DID" }],
    [new VcError("expired", "over"), { status: 422, code: "expired", error: "over" }],
    [new VcError("too_large", "long"), { status: 413, code: "too_large", error: "long" }],
    [new VcError("resolution_failed", "away", { retryable: true }), { status: 502, code: "resolution_failed", error: "away" }],
    [new VcError("resolution_failed", "none"), { status: 422, code: "resolution_failed", error: "none" }],
  ])("includes errors that concern the client: %s", (error, expected) => {
    expect(errorResponse(error, ERRORS)).toEqual(expected);
  });

  it.each([
    [new Error(SECRET)],
    [new TypeError(SECRET)],
    [SECRET],
    [undefined],
    [null],
    [{ message: SECRET, statusCode: 400 }],
    [Object.assign(new Error(SECRET), { statusCode: 500 })],
    [Object.assign(new Error(SECRET), { statusCode: 200 })],
    [new StorageError("data_dir_unusable", SECRET)],
  ])("does not describe an internal failure: %s", (thrown) => {
    expect(errorResponse(thrown, ERRORS)).toEqual(INTERNAL);
  });

  it("reports that storing can be retried, without the cause", () => {
    const response = errorResponse(new StorageError("storage_failed", SECRET), ERRORS);
    expect(response).toMatchObject({ status: 503, code: "storage_failed" });
    expect(response.error).not.toContain(SECRET);
  });
});
