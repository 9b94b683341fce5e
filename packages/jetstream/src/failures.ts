import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/nats-core";
import { ParleyError } from "@parley/core";
import { describeThrown } from "@parley/core/internal";
import { StorageError } from "@parley/storage";

/** Codes of JetStream's API (`err_code` in the server's errors.json). */
export const API = {
  noSuitablePeers: 10_005,
  streamNameInUse: 10_058,
  streamNotFound: 10_059,
  wrongLastSequence: 10_071,
  storeFailed: 10_077,
} as const;

const UNAVAILABLE = 503;

/**
 * Whether a call may succeed when it is repeated: the connection is interrupted, a leader is being elected, or the server has started and
 * its JetStream has not. A server without a leader answers as one without JetStream.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof errors.TimeoutError || error instanceof errors.ConnectionError || error instanceof errors.NoRespondersError)
    return true;
  if (error instanceof JetStreamApiError && error.status === UNAVAILABLE) return !isFull(error);
  // The library's "jetstream is not enabled" and "no responders" have such an error as their cause.
  return error instanceof Error && error.cause !== undefined && isTransient(error.cause);
}

/** Whether JetStream's API answered with an error code. */
export function hasApiCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

/** Whether a subject has as many messages as it may have. */
export function isFull(error: unknown): boolean {
  return hasApiCode(error, API.storeFailed) && /maximum messages per subject/i.test(describeThrown(error));
}

/** What callers of this package get for an error of the library. */
export function asStorageError(what: string, error: unknown): ParleyError {
  if (error instanceof ParleyError) return error as ParleyError;
  return new StorageError("storage_failed", `${what}: ${describeThrown(error)}`, { cause: error });
}

/** The rejection of every call after `close`. */
export function closedError(): StorageError {
  return new StorageError("storage_failed", "The connection to NATS is closed");
}
