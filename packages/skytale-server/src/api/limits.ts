import { amount, count, options, type OptionSchema, readOptions } from "@parley/server-kit";

/** Limits of the API server. The defaults suit one machine. */
export interface ApiLimits {
  /**
   * TCP connections of the API's port; at most four tenths of the process's file descriptors. One address (IPv6: /64) without a key or token,
   * and one account, can have a quarter of them. Beyond it, a connection is closed. Default 10,000.
   */
  readonly maxConnections: number;
  /**
   * Calls of one account per second; each entry of a listed page counts as a tenth, a listed join request as one. Beyond it,
   * `rate_limited`. Default 500.
   */
  readonly requestsPerSecond: number;
  /**
   * Rejected keys and tokens per second from one address (IPv6: /64); ten seconds' worth can be saved up. Beyond it, all calls from there are
   * rejected unread (`rate_limited`). Default 100.
   */
  readonly failedVerificationsPerSecond: number;
  /** Accounts created from one address per hour (`rate_limited`). Default 60. */
  readonly signupsPerHour: number;
  /** Accounts in total (`limit_reached`). Default 100,000. */
  readonly maxAccounts: number;
  /** API keys of one account (`limit_reached`). Default 100. */
  readonly maxKeysPerAccount: number;
  /** Orgs of one account (`limit_reached`). Default 100. */
  readonly maxOrgsPerAccount: number;
  /** Channels of one org (`limit_reached`). Default 10,000. */
  readonly maxChannelsPerOrg: number;
  /** Accounts with a grant for one channel (`limit_reached`). The last eighth is reserved for grants by the channel's owner. Default 10,000. */
  readonly maxGrantsPerChannel: number;
  /** Of these, by the invites of one account other than the owner (`limit_reached`). Default 1,000. */
  readonly maxGrantsPerAccount: number;
  /** Invites of one channel, including those that ended in the last week (`limit_reached`). The last eighth is reserved for the channel's owner. Default 1,000. */
  readonly maxInvitesPerChannel: number;
  /** Of these, by one account other than the owner (`limit_reached`). Default 100. */
  readonly maxInvitesPerAccount: number;
  /** Waiting join requests of one channel (`limit_reached`). The last eighth is reserved for those by invites of the channel's owner. Default 1,000. */
  readonly maxPendingPerChannel: number;
  /** Of these, by one account, and by the invites of one account, other than the owner (`limit_reached`). Default 250. */
  readonly maxPendingPerAccount: number;
  /** Uses of one invite (`malformed_request`). Default 1,000. */
  readonly maxUsesPerInvite: number;
  /** Longest lifetime of an invite, in milliseconds (`malformed_request`). Default 30 days. */
  readonly maxInviteTtlMs: number;
  /** How long a join request waits for a member before it is `expired`, in milliseconds. Default 24 hours. */
  readonly joinWindowMs: number;
  /** How long answered join requests and ended invites are stored, in milliseconds (then `join_unknown`, `invite_unknown`). Default 7 days. */
  readonly rememberMs: number;
  /** Bytes of a key package (`malformed_request`, `too_large`). Default 16 Ki. */
  readonly maxKeyPackageBytes: number;
  /** Bytes of an invite's attestation (`malformed_request`). Default 4 Ki. */
  readonly maxAttestationBytes: number;
  /** Bytes of a Welcome (`malformed_request`, `too_large`). Default 1 Mi. */
  readonly maxWelcomeBytes: number;
  /** Longest wait of a call that waits for news, in milliseconds; then it returns. Default 30,000. */
  readonly maxWaitMs: number;
  /** Calls of one account that wait for news (`rate_limited`). Default 1,000. */
  readonly maxWaitingPerAccount: number;
  /** Calls of all accounts that wait for news (`rate_limited`). Default 20,000. */
  readonly maxWaiting: number;
  /** Lifetime of a token, in milliseconds; at most 1 hour. Default 15 minutes. */
  readonly tokenTtlMs: number;
  /** Age at which the key that signs tokens is replaced, in milliseconds; at least twice `tokenTtlMs`. Default 30 days. */
  readonly signingKeyTtlMs: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KI = 1024;

/** The schema of {@link ApiLimits}. */
export const API_LIMITS: OptionSchema<ApiLimits> = options<ApiLimits>(
  {
    maxConnections: count(10_000),
    requestsPerSecond: amount(500),
    failedVerificationsPerSecond: amount(100),
    signupsPerHour: amount(60),
    maxAccounts: count(100_000),
    maxKeysPerAccount: count(100),
    maxOrgsPerAccount: count(100),
    maxChannelsPerOrg: count(10_000),
    maxGrantsPerChannel: count(10_000),
    maxGrantsPerAccount: count(1000),
    maxInvitesPerChannel: count(1000),
    maxInvitesPerAccount: count(100),
    maxPendingPerChannel: count(1000),
    maxPendingPerAccount: count(250),
    maxUsesPerInvite: count(1000),
    maxInviteTtlMs: amount(30 * DAY),
    joinWindowMs: amount(DAY),
    rememberMs: amount(7 * DAY),
    maxKeyPackageBytes: count(16 * KI),
    maxAttestationBytes: count(4 * KI),
    maxWelcomeBytes: count(KI * KI),
    maxWaitMs: amount(30 * SECOND),
    maxWaitingPerAccount: count(1000),
    maxWaiting: count(20_000),
    tokenTtlMs: amount(15 * MINUTE),
    signingKeyTtlMs: amount(30 * DAY),
  },
  { name: "tokenTtlMs", must: "must not be more than an hour", holds: ({ tokenTtlMs }) => tokenTtlMs <= HOUR },
  {
    name: "signingKeyTtlMs",
    must: "must be twice tokenTtlMs or more",
    holds: ({ signingKeyTtlMs, tokenTtlMs }) => signingKeyTtlMs >= 2 * tokenTtlMs,
  },
);

/** Fills in the defaults, and checks what was given. @throws TypeError naming the option. */
export function readApiLimits(limits: Partial<ApiLimits> = {}): ApiLimits {
  return readOptions(API_LIMITS, limits, "limits.api.");
}
