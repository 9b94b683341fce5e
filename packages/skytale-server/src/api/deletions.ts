import { KeyedMutex, TimeSlice } from "@parley/core/internal";
import type { Registry, RegistryEntry } from "../registry/registry.ts";
import { transact } from "../registry/transaction.ts";
import type { Accounts } from "./accounts.ts";
import { ApiError } from "./api-error.ts";
import { orgOf } from "./channel-name.ts";
import type { Channels } from "./channels.ts";
import type { ApiKeys } from "./keys.ts";
import { accountChannels, channelRecords, hashed, orgs, usages } from "./records.ts";
import type { Withdrawals } from "./withdrawals.ts";

/** Options of {@link Deletions}. */
export interface DeletionsOptions {
  readonly registry: Registry;
  readonly accounts: Accounts;
  readonly channels: Channels;
  readonly keys: ApiKeys;
  readonly withdrawals: Withdrawals;
}

/** An account's channels. */
export interface ChannelsOfAccount {
  readonly owned: readonly string[];
  /** Channels of other accounts. */
  readonly joined: readonly string[];
}

/** Records that are read at a time. */
const PAGE = 200;

/** Deletes channels and accounts from the registry, for the operator. A deletion that was cut short is repeated by the operator. */
export class Deletions {
  readonly #options: DeletionsOptions;
  readonly #accounts = new KeyedMutex();

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  /**
   * Deletes a channel with its grants, invites and join requests. Its name is free afterwards. The record of the channel is removed last, so
   * that nothing of it applies to a later channel of the same name.
   *
   * @throws ApiError `not_found`
   */
  deleteChannel(name: string): Promise<void> {
    const { registry, channels, withdrawals } = this.#options;
    return channels.lock.run(name, async () => {
      const record = await channelRecords.read(registry, hashed(name));
      if (record === undefined) throw new ApiError("not_found", "no such channel");
      await withdrawals.removeAll(name);
      for (const key of await this.#all(usages.under(hashed(name)), (entry) => entry.key)) {
        const accountId = key.slice(usages.under(hashed(name)).length);
        await transact(registry, async (transaction) => {
          if ((await transaction.get(usages, hashed(name), accountId)) !== undefined) transaction.remove(usages, hashed(name), accountId);
        });
      }
      await transact(registry, async (transaction) => {
        const channel = await transaction.get(channelRecords, hashed(name));
        if (channel === undefined) return;
        const org = await transaction.get(orgs, hashed(orgOf(name)));
        await transaction.get(accountChannels, channel.owner, hashed(name));
        if (org !== undefined) transaction.put(orgs, [hashed(orgOf(name))], { ...org, channels: Math.max(0, org.channels - 1) });
        transaction.remove(channelRecords, hashed(name));
        transaction.remove(accountChannels, channel.owner, hashed(name));
      });
    });
  }

  /** The channels that an account owns or may use. @throws ApiError `not_found` */
  async channelsOf(accountId: string): Promise<ChannelsOfAccount> {
    const { registry, accounts } = this.#options;
    if ((await accounts.get(accountId)) === undefined) throw new ApiError("not_found", "no such account");
    const names = await this.#all(accountChannels.under(accountId), (entry) => accountChannels.of(entry).id);
    const owned: string[] = [];
    const joined: string[] = [];
    for (const name of names) {
      const record = await channelRecords.read(registry, hashed(name));
      if (record !== undefined) (record.owner === accountId ? owned : joined).push(name);
    }
    return { owned, joined };
  }

  /**
   * Deletes an account: its API keys first, which ends its access; then its grants for channels of other accounts, with the grants and
   * invites made under them; then its orgs. Its messages on channels of others stay. It must no longer own channels.
   *
   * @throws ApiError `not_found`
   */
  deleteAccount(accountId: string): Promise<void> {
    const { registry, accounts, channels, withdrawals } = this.#options;
    return this.#accounts.run(accountId, async () => {
      const { joined } = await this.channelsOf(accountId);
      await this.revokeKeys(accountId);
      for (const name of joined) {
        const record = await channelRecords.read(registry, hashed(name));
        if (record === undefined) continue;
        await withdrawals.withdraw(record.owner, name, accountId).catch((error: unknown) => {
          if (!(error instanceof ApiError) || error.code !== "not_found") throw error;
        });
      }
      const names = await this.#all(orgs.prefix, (entry) => orgs.of(entry));
      for (const { name, owner } of names) {
        if (owner !== accountId) continue;
        await transact(registry, async (transaction) => {
          const org = await transaction.get(orgs, hashed(name));
          if (org?.owner === accountId && org.channels === 0) transaction.remove(orgs, hashed(name));
        });
      }
      await channels.lock.run(`account ${accountId}`, () => accounts.remove(accountId));
    });
  }

  /** Revokes all API keys of an account. */
  async revokeKeys(accountId: string): Promise<void> {
    const { keys } = this.#options;
    for (const { id } of await keys.list(accountId)) await keys.revoke(id, accountId);
  }

  async #all<T>(prefix: string, read: (entry: RegistryEntry) => T): Promise<T[]> {
    const slice = new TimeSlice();
    const found: T[] = [];
    for (let after: string | undefined; ;) {
      const entries = await this.#options.registry.list(prefix, { limit: PAGE, after });
      for (const entry of entries) found.push(read(entry));
      if (entries.length < PAGE) return found;
      after = entries.at(-1)?.key;
      if (slice.isOver) await slice.next();
    }
  }
}
