import { readNumbers } from "@parley/core/internal";

/** Caps and times of a relay. Every one has a default that suits one machine. */
export interface RelayLimits {
  /** Bytes of a payload. Default 1 MiB. */
  readonly maxPayloadBytes: number;
  /** Bytes of one frame from a client; a larger one ends its stream. At least twice a payload and 256 KiB. Default 4 MiB. */
  readonly maxFrameBytes: number;
  /**
   * TCP connections of the relay's port; at most four tenths of the process's file descriptors. One address (IPv6: /64) that has shown no
   * token, and one account, may have a quarter of them. Default 10,000.
   */
  readonly maxConnections: number;
  /** Streams at one time. Default 10,000. */
  readonly maxStreams: number;
  /** Streams of one account. Default 1,000. */
  readonly maxStreamsPerAccount: number;
  /** Subscriptions of one stream, each to another channel. Default 1,000. */
  readonly maxSubscriptions: number;
  /** Subscriptions of one account, over all its streams. Default 10,000. */
  readonly maxSubscriptionsPerAccount: number;
  /** Subscriptions of all accounts. Default 200,000. */
  readonly maxSubscriptionsTotal: number;
  /** Bytes of one stream's messages that are not recorded yet; above it the stream is not read. Default 8 MiB. */
  readonly maxInFlightBytes: number;
  /** Bytes that wait to be sent on one stream; above it, deliveries wait in the log. Default 1 MiB. */
  readonly maxOutboxBytes: number;
  /** Messages that one account may publish in a second; above it, its streams are read more slowly. Default 100,000. */
  readonly messagesPerSecond: number;
  /** Bytes of them. Default 256 MiB. */
  readonly bytesPerSecond: number;
  /** Single calls of one account in a second. Default 500. */
  readonly callsPerSecond: number;
  /**
   * Tokens that are refused, in a second, from one address (IPv6: /64); ten seconds' worth can be saved up. Above it, all streams and calls from
   * there are refused with `resource_exhausted`. Default 100.
   */
  readonly failedVerificationsPerSecond: number;
  /** Calls of one account that wait for a welcome. Default 1,000. */
  readonly maxWaitingCalls: number;
  /** Calls of all accounts that wait for a welcome. Default 20,000. */
  readonly maxWaitingCallsTotal: number;
  /**
   * Units of work that one account may cause in a second, in addition to messages: 2 for a subscription, 20 for a fresh token, 1 for a channel
   * named in a call and for a refused message, 4 for a stream, 0.1 for a credit, an end of a subscription and a ping. Two seconds' worth can
   * be saved up. Above it, streams are read more slowly and calls are refused. Default 2,000.
   */
  readonly workPerSecond: number;
  /**
   * The part of a channel's retention, from 0 to 1, that one account other than the channel's owner may fill at once, and in an hour; more is
   * refused for the time being. Default 0.5.
   */
  readonly fillShare: number;
  /** Bytes of answers that the clients of one account don't read; above it, their streams are not read either. Default 4 MiB. */
  readonly maxUnreadAnswerBytes: number;
  /** Bytes of unread answers of all accounts. Default 128 MiB. */
  readonly maxUnreadAnswerBytesTotal: number;
  /** Bytes that one account stores in the logs and Welcomes of all channels; above it, messages are rejected. Default 16 GiB. */
  readonly maxStoredBytesPerAccount: number;
  /**
   * Bytes that wait to be sent on all streams of one account; above it, deliveries to this account wait in the log. A stream on which nothing
   * could be sent for `idleTimeoutMs` is then ended. Default 64 MiB.
   */
  readonly maxWaitingDeliveryBytes: number;
  /** Silence after which a stream is dropped, in milliseconds. Default 60,000. */
  readonly idleTimeoutMs: number;
  /** How long an answer of {@link Access} is good for, and so how long a withdrawn right may last, in milliseconds. Default 5,000. */
  readonly accessCheckMs: number;
  /** Pause between searches for what has expired, in milliseconds. Default 60,000. */
  readonly expireMs: number;
  /** Longest wait, when stopping, for what is under way, in milliseconds. Default 5,000. */
  readonly drainMs: number;
}

/** Room for what isn't payload. */
const MIN_FRAME_BYTES = 256 * 1024;

/** Fills in the defaults, and checks what was given. @throws TypeError naming the option. */
export function readRelayLimits(limits: Partial<RelayLimits> = {}): RelayLimits {
  const defaults: RelayLimits = {
    maxPayloadBytes: 1024 * 1024,
    maxFrameBytes: 4 * 1024 * 1024,
    maxConnections: 10_000,
    maxStreams: 10_000,
    maxStreamsPerAccount: 1000,
    maxSubscriptions: 1000,
    maxSubscriptionsPerAccount: 10_000,
    maxSubscriptionsTotal: 200_000,
    maxInFlightBytes: 8 * 1024 * 1024,
    maxOutboxBytes: 1024 * 1024,
    messagesPerSecond: 100_000,
    bytesPerSecond: 256 * 1024 * 1024,
    callsPerSecond: 500,
    failedVerificationsPerSecond: 100,
    maxWaitingCalls: 1000,
    maxWaitingCallsTotal: 20_000,
    workPerSecond: 2000,
    fillShare: 0.5,
    maxUnreadAnswerBytes: 4 * 1024 * 1024,
    maxUnreadAnswerBytesTotal: 128 * 1024 * 1024,
    maxStoredBytesPerAccount: 16 * 1024 * 1024 * 1024,
    maxWaitingDeliveryBytes: 64 * 1024 * 1024,
    idleTimeoutMs: 60_000,
    accessCheckMs: 5000,
    expireMs: 60_000,
    drainMs: 5000,
  };
  const all = readNumbers("limits.relay", defaults, limits);
  if (all.maxFrameBytes < 2 * all.maxPayloadBytes + MIN_FRAME_BYTES) {
    throw new TypeError("limits.relay.maxFrameBytes must be at least twice limits.relay.maxPayloadBytes, and 256 KiB more");
  }
  return all;
}

/** Bytes of messages in one delivery, and how many, about. */
export const DELIVERY_BYTES: number = 256 * 1024;
export const DELIVERY_MESSAGES = 1024;

/** Credit that a message costs in addition to its bytes. */
const MESSAGE_COST = 64;

/** What a delivered message takes of the credit. */
export function costOf(body: Uint8Array): number {
  return body.length + MESSAGE_COST;
}
