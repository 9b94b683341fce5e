import { ParleyError } from "@parley/core";
import { describeThrown } from "@parley/core/internal";
import { MlsEngineError, StoreError, type MlsEngineErrorCode, type StoreErrorCode } from "@parley/mls-engine";
import { RelayError, type RelayErrorCode } from "@parley/skytale-relay";
import { AuthError, ChannelError, MlsError, TransportError } from "./errors.ts";

/** Maps an internal error to a public one. */
type Translation = (message: string, options: { readonly cause: unknown }) => ParleyError;

type ErrorClass<Code extends string> = new (code: Code, message: string, options: { readonly cause: unknown }) => ParleyError;

const to =
  <Code extends string>(Type: ErrorClass<Code>) =>
  (code: Code): Translation =>
  (message, options) =>
    new Type(code, message, options);
const auth = to(AuthError);
const transport = to(TransportError);
const channel = to(ChannelError);
const mls = to(MlsError);

const OF_RELAY: Record<RelayErrorCode, Translation> = {
  unauthenticated: auth("auth_failed"),
  permission_denied: auth("unauthorized"),
  invalid_argument: transport("transport_error"),
  message_too_large: channel("bad_request"),
  epoch_taken: channel("contended"),
  range_gone: channel("log_lost"),
  resource_exhausted: transport("connection_error"),
  unavailable: transport("connection_error"),
  timeout: transport("timeout"),
  internal: transport("connection_error"),
  protocol_error: transport("transport_error"),
  closed: transport("closed"),
};

const OF_STORE: Record<StoreErrorCode, Translation> = {
  locked: (message, options) => new ChannelError("data_dir_locked", `${message}: close that one, or use another dataDir`, options),
  unusable: channel("bad_request"),
  wrong_key: channel("bad_request"),
  format_unsupported: channel("channel_error"),
  damaged: channel("channel_error"),
  failed: channel("storage_failed"),
  closed: transport("closed"),
};

/** All other codes map to `mls_error`. */
const OF_ENGINE: Partial<Record<MlsEngineErrorCode, Translation>> = {
  epoch_mismatch: mls("epoch_mismatch"),
  decryption_failure: mls("decryption_failure"),
  generation_consumed: mls("decryption_failure"),
  generation_too_far: mls("decryption_failure"),
  invalid_welcome: mls("invalid_welcome"),
  no_key_package: mls("invalid_welcome"),
  invalid_key_package: mls("invalid_key_package"),
  fork: channel("fork"),
  group_exists: channel("channel_exists"),
  no_such_group: channel("not_found"),
  no_such_member: channel("not_found"),
  group_full: channel("limit_reached"),
  identity_taken: channel("identity_taken"),
  removed: channel("removed"),
  rolled_back: channel("rolled_back"),
  wrong_identity: (message, options) =>
    new ChannelError("wrong_identity", `${message}: give the identity that it was created with, or another dataDir`, options),
  closed: transport("closed"),
};

/** Maps any error to a documented error of this package, with the original as its `cause`. */
export function toPublicError(error: unknown): Error {
  if (error instanceof RelayError) return OF_RELAY[error.code](error.message, { cause: error });
  if (error instanceof StoreError) return OF_STORE[error.code](error.message, { cause: error });
  if (error instanceof MlsEngineError) return (OF_ENGINE[error.code] ?? mls("mls_error"))(error.message, { cause: error });
  if (error instanceof ParleyError || error instanceof TypeError) return error;
  return new ChannelError("channel_error", describeThrown(error), { cause: error });
}

/** {@link toPublicError} for calls to a channel. The relay rejects unknown and unauthorized channels with the same error. */
export function toChannelError(error: unknown, channel: string): Error {
  const known = toPublicError(error);
  if (!(known instanceof AuthError) || known.code !== "unauthorized" || known.cause !== error) return known;
  return new AuthError("unauthorized", unknownChannel(channel), { cause: error });
}

/** {@link toChannelError}, but returns the reason of the caller's signal unchanged. */
export function channelErrorUnlessAborted(error: unknown, channel: string, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true && error === signal.reason ? error : toChannelError(error, channel);
}

/** Error message for a channel that a server rejects although this agent is a member. */
export function unknownChannel(channel: string): string {
  const advice = `if the server's data was deleted, call forget(${JSON.stringify(channel)}), then create or join the channel again`;
  return `the server does not know the channel ${channel}, or this account has no access to it: ${advice}`;
}

/** {@link toPublicError}, but returns the reason of the caller's signal unchanged. */
export function toPublicErrorUnlessAborted(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true && error === signal.reason ? error : toPublicError(error);
}
