import { MlsEngineError, StoreError, type MlsEngineErrorCode, type StoreErrorCode } from "@parley/mls-engine";
import { RelayError, type RelayErrorCode } from "@parley/skytale-relay";
import { describe, expect, it } from "vitest";
import { toPublicError, toPublicErrorUnlessAborted } from "../src/error-mapping.ts";

describe("internal errors", () => {
  it.each<[RelayErrorCode, string, string, RegExp]>([
    ["unauthenticated", "AuthError", "auth_failed", /^auth error: /],
    ["permission_denied", "AuthError", "unauthorized", /^auth error: /],
    ["unavailable", "TransportError", "connection_error", /^transport error: /],
    ["resource_exhausted", "TransportError", "connection_error", /^transport error: /],
    ["timeout", "TransportError", "timeout", /^transport error: /],
    ["protocol_error", "TransportError", "transport_error", /^transport error: /],
    ["closed", "TransportError", "closed", /^transport error: /],
    ["message_too_large", "ChannelError", "bad_request", /^runtime error: /],
    ["range_gone", "ChannelError", "log_lost", /^runtime error: /],
  ])("of the relay: %s maps to %s %s", (code, name, expected, prefix) => {
    const cause = new RelayError(code, "what happened");
    expect(toPublicError(cause)).toMatchObject({ name, code: expected, cause, message: expect.stringMatching(prefix) });
  });

  it.each<[MlsEngineErrorCode, string, string, RegExp]>([
    ["invalid_welcome", "MlsError", "invalid_welcome", /^MLS engine error: /],
    ["no_key_package", "MlsError", "invalid_welcome", /^MLS engine error: /],
    ["invalid_key_package", "MlsError", "invalid_key_package", /^MLS engine error: /],
    ["decryption_failure", "MlsError", "decryption_failure", /^MLS engine error: /],
    ["epoch_mismatch", "MlsError", "epoch_mismatch", /^MLS engine error: /],
    ["malformed", "MlsError", "mls_error", /^MLS engine error: /],
    ["wrong_identity", "ChannelError", "wrong_identity", /^runtime error: /],
    ["removed", "ChannelError", "removed", /^runtime error: /],
    ["group_full", "ChannelError", "limit_reached", /^runtime error: /],
  ])("of the engine: %s maps to %s %s", (code, name, expected, prefix) => {
    const cause = new MlsEngineError(code, "what happened");
    expect(toPublicError(cause)).toMatchObject({ name, code: expected, cause, message: expect.stringMatching(prefix) });
  });

  it.each<[StoreErrorCode, string]>([
    ["locked", "data_dir_locked"],
    ["wrong_key", "bad_request"],
    ["damaged", "channel_error"],
  ])("of the store: %s maps to ChannelError %s", (code, expected) => {
    expect(toPublicError(new StoreError(code, "what happened"))).toMatchObject({ name: "ChannelError", code: expected });
  });

  it("without a mapping become channel_error, with their cause", () => {
    const cause = new RangeError("oops");
    expect(toPublicError(cause)).toMatchObject({ name: "ChannelError", code: "channel_error", cause });
  });

  it("do not hide TypeErrors and abort reasons", () => {
    const bug = new TypeError("no number");
    expect(toPublicError(bug)).toBe(bug);
    const reason = new RelayError("closed", "my own");
    expect(toPublicErrorUnlessAborted(reason, AbortSignal.abort(reason))).toBe(reason);
    expect(toPublicErrorUnlessAborted(reason, new AbortController().signal)).toMatchObject({ name: "TransportError" });
  });
});
