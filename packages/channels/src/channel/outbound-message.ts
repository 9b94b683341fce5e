import type { Deferred } from "@parley/core/internal";
import { MlsEngineError } from "@parley/mls-engine";
import { RelayError } from "@parley/skytale-relay";
import { ChannelError } from "../errors.ts";
import { toChannelError } from "../error-mapping.ts";
import type { ChannelContext } from "./channel-context.ts";
import type { Sent } from "./send-options.ts";

/** A message on its way into a channel's log. */
export interface OutboundMessage {
  readonly data: Uint8Array;
  readonly sent: Deferred<Sent>;
  readonly id: string | undefined;
  /** In the order of the calls. */
  readonly order: number;
  /** How many calls wait for it. */
  waiting: number;
  /** Not to wait for a link before it is published. */
  readonly needsLink: boolean;
  wasPublished: boolean;
  /** Under which it is published: a repetition finds what was recorded before, whichever epoch it was encrypted in. */
  key: Uint8Array;
  /** How often it was published where nobody could read it. */
  lateAttempts: number;
  /** What was published or is about to be; the last one first. */
  ciphertexts: readonly { readonly epoch: bigint; readonly bytes: Uint8Array }[];
  /** Ends the attempt that is under way. */
  attempt: AbortController | undefined;
  isSettled: boolean;
}

/** What keeps a message from being sent, in terms of what the caller has passed. */
export function sendError(error: unknown, { data }: OutboundMessage, { name, relay }: ChannelContext): Error {
  const isTooLarge =
    (error instanceof RelayError && error.code === "message_too_large") || (error instanceof MlsEngineError && error.code === "too_large");
  if (!isTooLarge) return toChannelError(error, name);
  const limit = `the relay takes ${relay.maxPayloadBytes} bytes, encrypted and padded`;
  const size = `a message of ${data.length} bytes is too large: ${limit}. Send it in parts`;
  return new ChannelError("bad_request", size, { cause: error });
}

/** What became of a message whose sender has stopped waiting. */
export function effectOf({ wasPublished, id }: OutboundMessage): string {
  if (!wasPublished) return "the message was not sent";
  const repeat =
    id === undefined ? "give sends an id to repeat them without duplicates" : "repeat it with the same id to have it recorded once";
  return `the message may have been recorded all the same: ${repeat}`;
}

/** The key as one of a Map. */
export function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
