/** Caps and times of the queue of messages to other nodes. */
export interface OutboundLimits {
  /** Messages of one sender that wait. Default 10,000. */
  readonly maxMessagesPerSender: number;
  /** Characters of plaintext of one sender that wait. Default 64 Mi. */
  readonly maxLengthPerSender: number;
  /** Messages of all senders of one owner that wait. Default: no cap. */
  readonly maxMessagesPerOwner: number;
  /** Characters of plaintext of all senders of one owner that wait. Default: no cap. */
  readonly maxLengthPerOwner: number;
  /** Messages that wait for one host: the host of did:web DIDs, else a DID. Default 100,000. */
  readonly maxMessagesPerHost: number;
  /** Characters of plaintext that wait for one host. Default 256 Mi. */
  readonly maxLengthPerHost: number;
  /** How long (sender, recipient, id) is remembered after a message came, in milliseconds. Default 10 minutes. */
  readonly deduplicationMs: number;
  /** How many messages are remembered at least, whatever their age. Default 1 Mi. */
  readonly maxRemembered: number;
  /** Messages that are under way to one node at the same time, and connections to it. Default 8. */
  readonly maxConnectionsPerNode: number;
  /** Messages that are under way to all nodes together. Default 256. */
  readonly maxConnections: number;
  /** Longest time until another node has answered, from the connection on, in milliseconds. Default 20,000. */
  readonly postTimeoutMs: number;
  /** Longest time for a connection, in milliseconds. Default 5000. */
  readonly connectTimeoutMs: number;
  /** First wait after failures of one node; doubles, with jitter. Milliseconds. Default 1000. */
  readonly retryMs: number;
  /** Longest wait between two attempts, in milliseconds. Default 60,000. */
  readonly maxRetryMs: number;
  /** Longest `Retry-After` of another node that is kept to, in milliseconds. Default 5 minutes. */
  readonly maxRetryAfterMs: number;
  /** Wait before a recipient that was not found is looked for a second and last time, in milliseconds. Default 6000. */
  readonly secondLookMs: number;
  /** How long closing waits for answers that are under way, in milliseconds. Default 5000. */
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

/** The caps of the queue, each one's default unless given. */
export function outboundLimits(limits: Partial<OutboundLimits> = {}): OutboundLimits {
  return { ...DEFAULTS, ...limits };
}
