import type { Deferred } from "@parley/core/internal";
import { MlsEngineError } from "@parley/mls-engine";
import { RelayError } from "@parley/skytale-relay";
import { ChannelError } from "../errors.ts";
import { toChannelError } from "../error-mapping.ts";
import type { ChannelContext } from "./channel-context.ts";
import type { Sent } from "./send-options.ts";

/**
 * The states of a message that is being sent:
 *
 * ```text
 * send() ─► queued ─► encrypting ─► in-flight ─► finished     recorded in time
 *             ▲           │             │ │
 *             ├───────────┴── offline ──┘ ├─► looking-up ─┬─► finished     an earlier call with this id recorded it
 *             │                           └─► doubtful ◄──┘   perhaps recorded too late: decided when the log is read up to it
 *             └─── recorded too late: under the next key ───── doubtful ─► finished     the log shows it in time
 * ```
 *
 * Any state but `finished` ends in `finished` when the caller stops waiting, the relay rejects the message, or the channel ends. Reading the
 * message in the log decides in any state: `finished` if it is in time, `queued` if it is late.
 */
export type QueuedSendState = "queued" | "encrypting" | "in-flight" | "looking-up" | "doubtful" | "finished";

/** A message from the call of `send` until it is recorded in the channel's log. */
export interface QueuedSend {
  state: QueuedSendState;
  readonly data: Uint8Array;
  readonly sent: Deferred<Sent>;
  readonly id: string | undefined;
  /** Position in the order of the calls. */
  readonly order: number;
  /** Number of calls that wait for it. */
  waiting: number;
  /** Whether the send fails if the relay is disconnected before the message is published. */
  readonly failsOffline: boolean;
  wasPublished: boolean;
  /** Publish key. The relay records one message per key, so a republished message is not recorded twice. */
  key: Uint8Array;
  /** In the state `doubtful`: where the relay recorded it, and the epoch that it was encrypted in, or the oldest that it may be. */
  doubt: { readonly sequence: number; readonly epoch: bigint } | undefined;
  /** How often the message was recorded after its epoch expired. */
  lateAttempts: number;
  /** The ciphertexts published under {@link QueuedSend.key}, newest first. */
  ciphertexts: readonly { readonly epoch: bigint; readonly bytes: Uint8Array }[];
  /** Aborts the current publish call. */
  attempt: AbortController | undefined;
}

/** Maps a failure to send, with a size limit in terms of the caller's message. */
export function sendError(error: unknown, { data }: QueuedSend, { name, relay }: ChannelContext): Error {
  const isTooLarge =
    (error instanceof RelayError && error.code === "message_too_large") || (error instanceof MlsEngineError && error.code === "too_large");
  if (!isTooLarge) return toChannelError(error, name);
  const limit = `the relay accepts ${relay.maxPayloadBytes} bytes, encrypted and padded`;
  const size = `a message of ${data.length} bytes is too large: ${limit}. Send it in parts`;
  return new ChannelError("bad_request", size, { cause: error });
}

/** The consequence, for the error message, when the caller stops waiting. */
export function effectOf({ wasPublished, id }: QueuedSend): string {
  if (!wasPublished) return "the message was not sent";
  const repeat = id === undefined ? "pass an id to make sends safe to repeat" : "repeat it with the same id to have it recorded once";
  return `the message may have been recorded: ${repeat}`;
}

/** A publish key as a map key. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
