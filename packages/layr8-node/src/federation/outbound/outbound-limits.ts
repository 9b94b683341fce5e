import type { NodeLimits } from "../../options.ts";

/** Limits of the queue of messages to other nodes. */
export interface OutboundLimits {
  /** Messages of one sender waiting. Default 10,000. */
  readonly maxMessagesPerSender: number;
  /** Characters of plaintext of one sender waiting. Default 64 Mi. */
  readonly maxLengthPerSender: number;
  /** Messages of all senders of one owner waiting. Default: no limit. */
  readonly maxMessagesPerOwner: number;
  /** Characters of plaintext of all senders of one owner waiting. Default: no limit. */
  readonly maxLengthPerOwner: number;
  /** Messages waiting for one host: the host of did:web DIDs, otherwise the DID. Default 100,000. */
  readonly maxMessagesPerHost: number;
  /** Characters of plaintext waiting for one host. Default 256 Mi. */
  readonly maxLengthPerHost: number;
  /** How long (sender, recipient, id) is remembered after a message was stored, in milliseconds. Default 10 minutes. */
  readonly deduplicationMs: number;
  /** Minimum number of messages remembered, whatever their age. Default 1 Mi. */
  readonly maxRemembered: number;
  /** Messages posted to one node at the same time, and connections to it. Default 8. */
  readonly maxConnectionsPerNode: number;
  /** Messages posted to all nodes at the same time. Default 256. */
  readonly maxConnections: number;
  /** Time limit for a response after the connection is open, in milliseconds. Default 20,000. */
  readonly postTimeoutMs: number;
  /** Time limit for opening a connection, in milliseconds. Default 5000. */
  readonly connectTimeoutMs: number;
  /** First wait after failures of a node, in milliseconds. Doubles, with jitter. Default 1000. */
  readonly retryMs: number;
  /** Longest wait between two attempts, in milliseconds. Default 60,000. */
  readonly maxRetryMs: number;
  /** Longest `Retry-After` that is honored, in milliseconds. Default 5 minutes. */
  readonly maxRetryAfterMs: number;
  /** Wait before an unresolvable recipient is resolved a second and last time, in milliseconds. Default 6000. */
  readonly secondLookMs: number;
  /** How long closing waits for responses, in milliseconds. Default 5000. */
  readonly closeMs: number;
}

const MI = 1024 * 1024;

const DEFAULTS: OutboundLimits = {
  maxMessagesPerSender: 10_000,
  maxLengthPerSender: 64 * MI,
  maxMessagesPerOwner: Number.POSITIVE_INFINITY,
  maxLengthPerOwner: Number.POSITIVE_INFINITY,
  maxMessagesPerHost: 100_000,
  maxLengthPerHost: 256 * MI,
  deduplicationMs: 10 * 60_000,
  maxRemembered: MI,
  maxConnectionsPerNode: 8,
  maxConnections: 256,
  postTimeoutMs: 20_000,
  connectTimeoutMs: 5000,
  retryMs: 1000,
  maxRetryMs: 60_000,
  maxRetryAfterMs: 5 * 60_000,
  secondLookMs: 6000,
  closeMs: 5000,
};

/** Adds the defaults. */
export function outboundLimits(limits: Partial<OutboundLimits> = {}): OutboundLimits {
  return { ...DEFAULTS, ...limits };
}

/** Limits of the outbound queue that an operator can set. */
export function queueLimits(limits: NodeLimits): OutboundLimits {
  return outboundLimits({
    maxMessagesPerSender: limits.maxOutboundMessages,
    maxLengthPerSender: limits.maxOutboundLength,
    maxMessagesPerOwner: limits.maxWaitingMessagesPerKey,
    maxLengthPerOwner: limits.maxWaitingLengthPerKey,
    maxConnectionsPerNode: limits.maxConnectionsPerNode,
  });
}
