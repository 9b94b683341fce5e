import { readNumbers } from "@parley/core/internal";

/** Caps and times of the API server. Every one has a default that suits one machine. */
export interface ApiLimits {
  /**
   * TCP connections of the API's port; at most four tenths of the process's file descriptors. One address (IPv6: /64) that has shown no key
   * or token, and one account, may have a quarter of them. Default 10,000.
   */
  readonly maxConnections: number;
  /** Calls that one account may make in a second; each entry of a list that is answered counts as a tenth, a waiting join as one. Default 500. */
  readonly requestsPerSecond: number;
  /**
   * Keys and tokens that are refused, in a second, from one address (IPv6: /64); ten seconds' worth can be saved up. Above it, all calls from
   * there are refused unread. Default 100.
   */
  readonly failedVerificationsPerSecond: number;
  /** Accounts that may be made from one address in an hour. Default 60. */
  readonly signupsPerHour: number;
  /** Accounts in all. Default 100,000. */
  readonly maxAccounts: number;
  /** API keys of one account. Default 100. */
  readonly maxKeysPerAccount: number;
  /** Orgs of one account. Default 100. */
  readonly maxOrgsPerAccount: number;
  /** Channels of one org. Default 10,000. */
  readonly maxChannelsPerOrg: number;
  /** Accounts that have a grant for one channel. The last eighth can be made by the channel's owner alone. Default 10,000. */
  readonly maxGrantsPerChannel: number;
  /** Of these, made by the invites of one account other than the owner. Default 1,000. */
  readonly maxGrantsPerAccount: number;
  /** Invites of one channel, those included that ended in the last week. The last eighth is for the channel's owner. Default 1,000. */
  readonly maxInvitesPerChannel: number;
  /** Of these, made by one account other than the owner. Default 100. */
  readonly maxInvitesPerAccount: number;
  /** Requests to join that wait on one channel. The last eighth is for those by invites of the channel's owner. Default 1,000. */
  readonly maxPendingPerChannel: number;
  /** Of these, made by one account, and by the invites of one account, other than the owner. Default 250. */
  readonly maxPendingPerAccount: number;
  /** Uses of one invite. Default 1,000. */
  readonly maxUsesPerInvite: number;
  /** Longest life of an invite, in milliseconds. Default 30 days. */
  readonly maxInviteTtlMs: number;
  /** How long a request to join waits for a member, in milliseconds. Default 24 hours. */
  readonly joinWindowMs: number;
  /** How long the answer to a request, and an invite that has ended, is remembered, in milliseconds. Default 7 days. */
  readonly rememberMs: number;
  /** Bytes of a key package. Default 16 Ki. */
  readonly maxKeyPackageBytes: number;
  /** Bytes of an invite's attestation. Default 4 Ki. */
  readonly maxAttestationBytes: number;
  /** Bytes of a welcome. Default 1 Mi. */
  readonly maxWelcomeBytes: number;
  /** Longest wait of a call that waits for news, in milliseconds. Default 30,000. */
  readonly maxWaitMs: number;
  /** Calls of one account that wait for news. Default 1,000. */
  readonly maxWaitingPerAccount: number;
  /** Calls of all accounts that wait for news. Default 20,000. */
  readonly maxWaiting: number;
  /** Life of a token, in milliseconds; at most 1 hour. Default 15 minutes. */
  readonly tokenTtlMs: number;
  /** Age at which the key that signs tokens is followed by a new one, in milliseconds. Default 30 days. */
  readonly signingKeyTtlMs: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KI = 1024;

/** Fills in the defaults, and checks what was given. @throws TypeError naming the option. */
export function readApiLimits(limits: Partial<ApiLimits> = {}): ApiLimits {
  const defaults: ApiLimits = {
    maxConnections: 10_000,
    requestsPerSecond: 500,
    failedVerificationsPerSecond: 100,
    signupsPerHour: 60,
    maxAccounts: 100_000,
    maxKeysPerAccount: 100,
    maxOrgsPerAccount: 100,
    maxChannelsPerOrg: 10_000,
    maxGrantsPerChannel: 10_000,
    maxGrantsPerAccount: 1000,
    maxInvitesPerChannel: 1000,
    maxInvitesPerAccount: 100,
    maxPendingPerChannel: 1000,
    maxPendingPerAccount: 250,
    maxUsesPerInvite: 1000,
    maxInviteTtlMs: 30 * DAY,
    joinWindowMs: DAY,
    rememberMs: 7 * DAY,
    maxKeyPackageBytes: 16 * KI,
    maxAttestationBytes: 4 * KI,
    maxWelcomeBytes: KI * KI,
    maxWaitMs: 30 * SECOND,
    maxWaitingPerAccount: 1000,
    maxWaiting: 20_000,
    tokenTtlMs: 15 * MINUTE,
    signingKeyTtlMs: 30 * DAY,
  };
  const all = readNumbers("limits.api", defaults, limits);
  if (all.tokenTtlMs > HOUR) throw new TypeError("limits.api.tokenTtlMs must not be more than an hour");
  if (all.signingKeyTtlMs < 2 * all.tokenTtlMs) throw new TypeError("limits.api.signingKeyTtlMs must be twice tokenTtlMs or more");
  return all;
}
