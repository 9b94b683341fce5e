import { amount, count, option, options, type OptionSchema, readOptions } from "@parley/server-kit";

/** Limits of a relay. The defaults suit one machine. */
export interface RelayLimits {
  /** Bytes of a payload; a message with a larger one is rejected. Default 1 MiB. */
  readonly maxPayloadBytes: number;
  /** Bytes of one frame from a client; a larger one ends its stream. At least twice a payload and 256 KiB. Default 4 MiB. */
  readonly maxFrameBytes: number;
  /**
   * TCP connections of the relay's port; at most four tenths of the process's file descriptors. One address (IPv6: /64) without a token, and
   * one account, can have a quarter of them. Beyond it, a connection is closed. Default 10,000.
   */
  readonly maxConnections: number;
  /** Streams of all accounts (`RESOURCE_EXHAUSTED`). Default 10,000. */
  readonly maxStreams: number;
  /** Streams of one account (`RESOURCE_EXHAUSTED`). Default 1,000. */
  readonly maxStreamsPerAccount: number;
  /** Subscriptions of one stream; a further one is rejected. Default 1,000. */
  readonly maxSubscriptions: number;
  /** Subscriptions of one account, over all its streams; a further one is rejected. Default 10,000. */
  readonly maxSubscriptionsPerAccount: number;
  /** Subscriptions of all accounts; a further one is rejected. Default 200,000. */
  readonly maxSubscriptionsTotal: number;
  /** Bytes of one stream's messages that are not recorded yet; above it, the stream is not read. Default 8 MiB. */
  readonly maxInFlightBytes: number;
  /** Bytes that wait to be sent on one stream; above it, deliveries wait in the log. Default 1 MiB. */
  readonly maxOutboxBytes: number;
  /** Messages that one account publishes per second; above it, its streams are read more slowly. Default 100,000. */
  readonly messagesPerSecond: number;
  /** Bytes of these messages. Default 256 MiB. */
  readonly bytesPerSecond: number;
  /** Unary calls of one account per second (`RESOURCE_EXHAUSTED`). Default 500. */
  readonly callsPerSecond: number;
  /**
   * Rejected tokens per second from one address (IPv6: /64); ten seconds' worth can be saved up. Above it, all streams and calls from there are
   * rejected (`RESOURCE_EXHAUSTED`). Default 100.
   */
  readonly failedVerificationsPerSecond: number;
  /** Calls of one account that wait for a Welcome (`RESOURCE_EXHAUSTED`). Default 1,000. */
  readonly maxWaitingCalls: number;
  /** Calls of all accounts that wait for a Welcome (`RESOURCE_EXHAUSTED`). Default 20,000. */
  readonly maxWaitingCallsTotal: number;
  /**
   * Units of work that one account causes per second, in addition to messages: 2 for a subscription, 20 for a new token, 1 for a channel named
   * in a call and for a rejected message, 4 for a stream, 0.1 for a credit, an unsubscription and a ping. Two seconds' worth can be saved up.
   * Above it, streams are read more slowly and calls are rejected (`RESOURCE_EXHAUSTED`). Default 2,000.
   */
  readonly workPerSecond: number;
  /**
   * The part of a channel's retention, up to 1, that the commits and proposals of one account other than the channel's owner can take at once, and
   * in an hour; more are rejected (`RESOURCE_EXHAUSTED`) until then. Retention evicts messages by account, but not these. In a log that does not evict
   * by account, all entries count. Default 0.1.
   */
  readonly fillShare: number;
  /** Bytes of responses that the clients of one account don't read; above it, their streams are not read either. Default 4 MiB. */
  readonly maxUnreadAnswerBytes: number;
  /** Bytes of unread responses of all accounts. Default 128 MiB. */
  readonly maxUnreadAnswerBytesTotal: number;
  /** Bytes that one account stores in the logs and Welcomes of all channels; above it, messages are rejected (`RESOURCE_EXHAUSTED`). Default 16 GiB. */
  readonly maxStoredBytesPerAccount: number;
  /**
   * Bytes that wait to be sent on all streams of one account; above it, deliveries to this account wait in the log. A stream on which nothing
   * could be sent for `idleTimeoutMs` is then ended. Default 64 MiB.
   */
  readonly maxWaitingDeliveryBytes: number;
  /** Silence after which a stream is dropped, in milliseconds. Default 60,000. */
  readonly idleTimeoutMs: number;
  /** Interval at which rights and keys are checked again, in milliseconds: a withdrawn right can last as long. Default 5,000. */
  readonly accessCheckMs: number;
  /** Interval at which expired data is removed, in milliseconds. Default 60,000. */
  readonly expireMs: number;
  /** Longest wait for calls in progress when the server stops, in milliseconds. Default 5,000. */
  readonly drainMs: number;
}

/** Room for what isn't payload. */
const MIN_FRAME_BYTES = 256 * 1024;

const IS_SHARE = {
  expected: "a number greater than 0, up to 1",
  is: (value: unknown) => typeof value === "number" && value > 0 && value <= 1,
};

/** The schema of {@link RelayLimits}. */
export const RELAY_LIMITS: OptionSchema<RelayLimits> = options<RelayLimits>(
  {
    maxPayloadBytes: count(1024 * 1024),
    maxFrameBytes: count(4 * 1024 * 1024),
    maxConnections: count(10_000),
    maxStreams: count(10_000),
    maxStreamsPerAccount: count(1000),
    maxSubscriptions: count(1000),
    maxSubscriptionsPerAccount: count(10_000),
    maxSubscriptionsTotal: count(200_000),
    maxInFlightBytes: count(8 * 1024 * 1024),
    maxOutboxBytes: count(1024 * 1024),
    messagesPerSecond: amount(100_000),
    bytesPerSecond: amount(256 * 1024 * 1024),
    callsPerSecond: amount(500),
    failedVerificationsPerSecond: amount(100),
    maxWaitingCalls: count(1000),
    maxWaitingCallsTotal: count(20_000),
    workPerSecond: amount(2000),
    fillShare: option<number>(IS_SHARE).default(0.1),
    maxUnreadAnswerBytes: count(4 * 1024 * 1024),
    maxUnreadAnswerBytesTotal: count(128 * 1024 * 1024),
    maxStoredBytesPerAccount: count(16 * 1024 * 1024 * 1024),
    maxWaitingDeliveryBytes: count(64 * 1024 * 1024),
    idleTimeoutMs: amount(60_000),
    accessCheckMs: amount(5000),
    expireMs: amount(60_000),
    drainMs: amount(5000),
  },
  {
    name: "maxFrameBytes",
    must: "must be at least twice maxPayloadBytes, and 256 KiB more",
    holds: ({ maxFrameBytes, maxPayloadBytes }) => maxFrameBytes >= 2 * maxPayloadBytes + MIN_FRAME_BYTES,
  },
);

/** Fills in the defaults, and checks what was given. @throws TypeError naming the option. */
export function readRelayLimits(limits: Partial<RelayLimits> = {}): RelayLimits {
  return readOptions(RELAY_LIMITS, limits, "limits.relay.");
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
