import { FairShare, RateLimiter } from "@parley/core/internal";
import type { RelayLimits } from "./relay-limits.ts";

/** Units of work that parts of frames and calls cost: one unit is about one question to the registry. */
export const WORK = {
  stream: 4,
  token: 20,
  subscribe: 2,
  unsubscribe: 0.1,
  credit: 0.1,
  ping: 0.1,
  /** A refused message or an answer that the client caused by breaking a rule. */
  refusal: 1,
  /** Each channel named in a call. */
  head: 1,
} as const;

/** Seconds of an account's work that it can save up: enough for a client with many subscriptions that reconnects. */
const WORK_BURST_SECONDS = 2;

/** What accounts use of the relay, over all their streams and calls. Rates outlive the streams: reconnecting regains nothing. */
export class AccountBudgets {
  readonly streams: FairShare;
  readonly subscriptions: FairShare;
  /** Calls that wait for a welcome. */
  readonly waitingCalls: FairShare;
  /** Bytes of answers that clients don't read. */
  readonly unreadAnswers: FairShare;
  readonly messages: RateLimiter;
  readonly bytes: RateLimiter;
  readonly calls: RateLimiter;
  readonly work: RateLimiter;

  /** @param servers number of servers between which the rates are divided. */
  constructor(limits: RelayLimits, servers?: () => number) {
    this.streams = new FairShare({ total: limits.maxStreams, perOwner: limits.maxStreamsPerAccount });
    this.subscriptions = new FairShare({ total: limits.maxSubscriptionsTotal, perOwner: limits.maxSubscriptionsPerAccount });
    this.waitingCalls = new FairShare({ total: limits.maxWaitingCallsTotal, perOwner: limits.maxWaitingCalls });
    this.unreadAnswers = new FairShare({ total: limits.maxUnreadAnswerBytesTotal, perOwner: limits.maxUnreadAnswerBytes });
    this.messages = new RateLimiter({ perSecond: limits.messagesPerSecond, servers });
    this.bytes = new RateLimiter({ perSecond: limits.bytesPerSecond, servers });
    this.calls = new RateLimiter({ perSecond: limits.callsPerSecond, servers });
    const { workPerSecond } = limits;
    this.work = new RateLimiter({ perSecond: workPerSecond, burst: workPerSecond * WORK_BURST_SECONDS, servers });
  }
}
