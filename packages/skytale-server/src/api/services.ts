import type { SealingKey } from "@parley/storage";
import type { Access } from "../relay/access.ts";
import type { Registry } from "../registry/registry.ts";
import type { Transaction } from "../registry/transaction.ts";
import { Accounts, type Account } from "./accounts.ts";
import { ApiError } from "./api-error.ts";
import { Channels } from "./channels.ts";
import { Deletions } from "./deletions.ts";
import { expire } from "./expiry.ts";
import { Invites } from "./invites.ts";
import { Joins, joinTopic } from "./joins.ts";
import { ApiKeys } from "./keys.ts";
import type { ApiLimits } from "./limits.ts";
import type { CommitNews } from "./registry-news.ts";
import { createAccess } from "./relay-access.ts";
import { SigningKeys } from "./signing-keys.ts";
import { Signals } from "./signals.ts";
import { Withdrawals } from "./withdrawals.ts";
import { localKeys, TokenIssuer, TokenVerifier } from "./tokens.ts";

/** What {@link Services.open} takes. */
export interface ServicesOptions {
  readonly registry: Registry;
  readonly limits: ApiLimits;
  /** Encrypts what must not be read from a copy of the registry. */
  readonly sealingKey?: SealingKey | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Number of servers that share the registry. Default 1. */
  readonly servers?: (() => number) | undefined;
  /** The time by which records expire: one that does not jump ahead. Default `now`. */
  readonly expiryNow?: () => number;
}

/** All that the API server does, apart from HTTP. */
export class Services {
  readonly limits: ApiLimits;
  readonly accounts: Accounts;
  readonly keys: ApiKeys;
  readonly signingKeys: SigningKeys;
  readonly tokens: TokenIssuer;
  /** Checks tokens that are shown to the API server. */
  readonly verifier: TokenVerifier;
  readonly channels: Channels;
  readonly invites: Invites;
  readonly joins: Joins;
  readonly withdrawals: Withdrawals;
  readonly deletions: Deletions;
  readonly signals: Signals = new Signals();
  /** The access decisions for the relay. */
  readonly access: Access;
  /** Number of servers that share the registry. */
  readonly servers: () => number;
  readonly #registry: Registry;
  readonly #expiryNow: () => number;

  private constructor({ registry, limits, servers = () => 1, now = Date.now, expiryNow = now }: ServicesOptions, signingKeys: SigningKeys) {
    this.#registry = registry;
    this.#expiryNow = expiryNow;
    this.limits = limits;
    this.servers = servers;
    this.signingKeys = signingKeys;
    this.keys = new ApiKeys({ registry, maxPerAccount: limits.maxKeysPerAccount, now });
    this.accounts = new Accounts({ registry, keys: this.keys, maxAccounts: limits.maxAccounts, now });
    this.tokens = new TokenIssuer(signingKeys, { ttlMs: limits.tokenTtlMs, now });
    this.verifier = new TokenVerifier(localKeys(signingKeys), { audience: "skytale-api", now });
    this.channels = new Channels({ registry, limits, now });
    this.joins = new Joins({ registry, channels: this.channels, limits, now, notify: (topic, news) => this.signals.notify(topic, news) });
    const rejectRequests = (transaction: Transaction, requestIds: readonly string[]): Promise<void> =>
      this.joins.rejectRequests(transaction, requestIds);
    const onRejected = (requestIds: readonly string[]): void => {
      for (const requestId of requestIds) this.signals.notify(joinTopic(requestId));
    };
    this.invites = new Invites({ registry, channels: this.channels, limits, now, rejectRequests, onRejected });
    this.withdrawals = new Withdrawals({ registry, channels: this.channels, now, rejectRequests, onRejected });
    const { accounts, channels, keys, withdrawals } = this;
    this.deletions = new Deletions({ registry, accounts, channels, keys, withdrawals });
    const verifier = new TokenVerifier(localKeys(signingKeys), { audience: "skytale-relay", now });
    this.access = createAccess({ verifier, keys: this.keys, channels: this.channels });
  }

  /** @throws StorageError `storage_failed`, `data_dir_unusable` */
  static async open(options: ServicesOptions): Promise<Services> {
    const { registry, limits, sealingKey, now = Date.now, expiryNow = now } = options;
    const { signingKeyTtlMs: ttlMs, tokenTtlMs } = limits;
    const signingKeys = await SigningKeys.open({ registry, ttlMs, tokenTtlMs, now: expiryNow, sealingKey });
    return new Services(options, signingKeys);
  }

  /** The account of an authenticated caller. @throws ApiError `not_found` if the account no longer exists. */
  async accountOf(id: string): Promise<Account> {
    const account = await this.accounts.get(id);
    if (account === undefined) throw new ApiError("not_found", "no such account");
    return account;
  }

  /** Passes on what another server has changed in the shared registry. */
  async take({ signals, hasSigningKeys }: CommitNews): Promise<void> {
    for (const { topic, news } of signals) this.signals.notify(topic, news);
    if (hasSigningKeys) await this.signingKeys.refresh();
  }

  /** Ends expired invites and join requests, and rotates signing keys. Called by the server's sweep timer, every minute. */
  async maintain(): Promise<void> {
    await this.signingKeys.maintain();
    await expire(this.#registry, { joins: this.joins, invites: this.invites, withdrawals: this.withdrawals, now: this.#expiryNow() });
  }
}
