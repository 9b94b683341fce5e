import { KeyedMutex } from "@parley/core/internal";
import type { Registry } from "../registry/registry.ts";
import { transact, type Transaction } from "../registry/transaction.ts";
import { ApiError } from "./api-error.ts";
import { checkChannelName, orgOf } from "./channel-name.ts";
import { addUsage, removeUsage, shareOf } from "./channel-usage.ts";
import type { ApiLimits } from "./limits.ts";
import { accountChannels, accounts, channelRecords, grants, hashed, orgs, type ChannelRecord } from "./records.ts";

/** A channel in the view of one of its accounts. */
export interface ChannelInfo {
  readonly name: string;
  readonly role: "owner" | "member";
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The right of an account to use a channel. */
export interface Grant {
  readonly accountId: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** The accounts that made it: the owner, or those whose invites it came by. Absent for grants of older data directories. */
  readonly makers?: readonly string[] | undefined;
  /** Signature keys of the members that were added with the account, as reported by the members that approved them. Base64url. */
  readonly memberKeys?: readonly string[] | undefined;
}

/** Accounts that are recorded as makers of one grant. */
const MAX_MAKERS = 16;
/** Keys of members that are recorded in one grant. */
const MAX_MEMBER_KEYS = 256;

/** Part of a list, and what the next part comes after. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** Which part of a list is wanted. */
export interface PageOptions {
  readonly limit: number;
  readonly after?: string | undefined;
}

/** Options of {@link Channels}. */
export interface ChannelsOptions {
  readonly registry: Registry;
  readonly limits: ApiLimits;
  readonly now: () => number;
}

/** The names of channels and their access rights: the account that owns the org has access, and accounts with a grant. */
export class Channels {
  /** Decisions about one channel, or about one org, are made one after another. */
  readonly lock: KeyedMutex = new KeyedMutex();
  readonly #registry: Registry;
  readonly #limits: ApiLimits;
  readonly #now: () => number;

  constructor({ registry, limits, now }: ChannelsOptions) {
    this.#registry = registry;
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Creates a channel. The first account that creates one in an org owns the org.
   *
   * @param idempotencyKey makes a repeated call of the creator return the same result. The key is a secret of the creator.
   * @returns whether this call created the channel.
   * @throws ApiError `invalid_channel_name`, `org_taken`, `channel_exists`, `limit_reached`
   */
  create(accountId: string, name: string, idempotencyKey?: string): Promise<ChannelInfo & { readonly created: boolean }> {
    checkChannelName(name);
    const org = orgOf(name);
    // Orgs of one account are counted in its record.
    return this.lock.run(`account ${accountId}`, () =>
      transact(this.#registry, async (transaction) => {
        await this.#takeOrg(transaction, accountId, org);
        const existing = await transaction.get(channelRecords, hashed(name));
        if (existing !== undefined) {
          if (idempotencyKey === undefined || existing.idempotencyKey !== idempotencyKey) {
            throw new ApiError("channel_exists", "the channel was created before");
          }
          return { name, role: "owner", createdAt: existing.createdAt, created: false };
        }
        await this.#countChannel(transaction, org);
        const createdAt = this.#now();
        const record: ChannelRecord = { name, owner: accountId, createdAt, idempotencyKey, invites: 0, pending: 0, grants: 0 };
        transaction.put(channelRecords, [hashed(name)], record);
        transaction.put(accountChannels, [accountId, hashed(name)], { id: name });
        return { name, role: "owner", createdAt, created: true };
      }),
    );
  }

  /** The channels that an account may use. */
  async list(accountId: string, { limit, after }: PageOptions): Promise<Page<ChannelInfo>> {
    const prefix = accountChannels.under(accountId);
    const entries = await this.#registry.list(prefix, { limit: limit + 1, after: after === undefined ? undefined : prefix + after });
    const shown = entries.slice(0, limit);
    const records = await Promise.all(shown.map((entry) => channelRecords.read(this.#registry, hashed(accountChannels.of(entry).id))));
    const items = records.flatMap((record) => (record === undefined ? [] : infoOf(record, accountId)));
    return { items, next: entries.length > limit ? shown.at(-1)?.key.slice(prefix.length) : undefined };
  }

  /** Whether an account may publish to a channel, read it, and approve join requests. */
  async mayUse(accountId: string, name: string): Promise<boolean> {
    const record = await channelRecords.read(this.#registry, hashed(name));
    // Both are always read, so that the response time does not reveal whether the channel exists.
    const grant = await grants.read(this.#registry, hashed(name), accountId);
    return record !== undefined && (record.owner === accountId || grant !== undefined);
  }

  /** Whether a channel belongs to an account. */
  async isOwner(accountId: string, name: string): Promise<boolean> {
    return (await channelRecords.read(this.#registry, hashed(name)))?.owner === accountId;
  }

  /** The channel, for an account that may use it. @throws ApiError `invalid_channel_name`, `not_found` */
  async requireUsable(transaction: Transaction, accountId: string, name: string): Promise<ChannelRecord> {
    checkChannelName(name);
    const record = await transaction.get(channelRecords, hashed(name));
    const grant = await transaction.get(grants, hashed(name), accountId);
    if (record === undefined || (record.owner !== accountId && grant === undefined)) throw noSuchChannel();
    return record;
  }

  /** @throws ApiError as {@link requireUsable} */
  async checkUsable(accountId: string, name: string): Promise<void> {
    checkChannelName(name);
    if (!(await this.mayUse(accountId, name))) throw noSuchChannel();
  }

  /**
   * Grants an account access to a channel.
   *
   * @throws ApiError `not_found` (no such channel, not its owner, no such account), `limit_reached`
   */
  grant(ownerId: string, name: string, accountId: string): Promise<Grant> {
    return this.lock.run(name, () =>
      transact(this.#registry, async (transaction) => {
        const channel = await this.requireOwned(transaction, ownerId, name);
        if ((await transaction.get(accounts, accountId)) === undefined) throw new ApiError("not_found", "no such account");
        await this.addGrant(transaction, channel, { accountId, maker: ownerId });
        const grant = await transaction.get(grants, hashed(name), accountId);
        return grant === undefined ? { accountId, createdAt: channel.createdAt } : grantOf(grant);
      }),
    );
  }

  /**
   * Makes a grant as part of a transaction, or adds its maker to those of the grant that is there; writes the channel's record.
   *
   * @returns whether anything was added.
   * @throws ApiError `limit_reached`
   */
  async addGrant(
    transaction: Transaction,
    channel: ChannelRecord,
    { accountId, maker, memberKey }: { readonly accountId: string; readonly maker: string; readonly memberKey?: string | undefined },
  ): Promise<boolean> {
    const { name } = channel;
    const existing = await transaction.get(grants, hashed(name), accountId);
    const isKnown = existing !== undefined && (existing.makers?.includes(maker) ?? true);
    const isFull = (existing?.makers?.length ?? 0) >= MAX_MAKERS && maker !== channel.owner;
    transaction.put(channelRecords, [hashed(name)], channel);
    const others = existing?.memberKeys?.filter((key) => key !== memberKey) ?? [];
    const memberKeys = memberKey === undefined ? others : [...others, memberKey].slice(-MAX_MEMBER_KEYS);
    if (existing !== undefined) transaction.put(grants, [hashed(name), accountId], { ...existing, memberKeys });
    if (channel.owner === accountId || isKnown || isFull) return false;
    if (existing === undefined && channel.grants >= shareOf(channel, maker, this.#limits.maxGrantsPerChannel)) {
      throw new ApiError("limit_reached", `a channel may have ${this.#limits.maxGrantsPerChannel} grants, some of them by its owner alone`);
    }
    await addUsage(transaction, { channel, accountId: maker, what: "grants", limits: this.#limits });
    if (existing !== undefined) {
      transaction.put(grants, [hashed(name), accountId], { ...existing, memberKeys, makers: [...(existing.makers ?? []), maker] });
      return true;
    }
    await transaction.get(accountChannels, accountId, hashed(name));
    transaction.put(channelRecords, [hashed(name)], { ...channel, grants: channel.grants + 1 });
    transaction.put(grants, [hashed(name), accountId], { channel: name, accountId, createdAt: this.#now(), makers: [maker], memberKeys });
    transaction.put(accountChannels, [accountId, hashed(name)], { id: name });
    return true;
  }

  /** Takes a maker from a grant as part of a transaction; without any maker left, the grant ends. Writes the channel's record. */
  async removeMaker(transaction: Transaction, name: string, { accountId, maker }: { accountId: string; maker: string }): Promise<void> {
    const grant = await transaction.get(grants, hashed(name), accountId);
    if (grant?.makers?.includes(maker) !== true) return;
    const makers = grant.makers.filter((other) => other !== maker);
    if (makers.length === 0) return this.removeGrant(transaction, name, accountId);
    await removeUsage(transaction, { channel: name, accountId: maker, what: "grants" });
    transaction.put(grants, [hashed(name), accountId], { ...grant, makers });
  }

  /** Removes a grant as part of a transaction; writes the channel's record. */
  async removeGrant(transaction: Transaction, name: string, accountId: string): Promise<void> {
    const grant = await transaction.get(grants, hashed(name), accountId);
    const channel = await transaction.get(channelRecords, hashed(name));
    if (grant === undefined || channel === undefined) return;
    await transaction.get(accountChannels, accountId, hashed(name));
    for (const maker of grant.makers ?? []) await removeUsage(transaction, { channel: name, accountId: maker, what: "grants" });
    transaction.put(channelRecords, [hashed(name)], { ...channel, grants: channel.grants - 1 });
    transaction.remove(grants, hashed(name), accountId);
    transaction.remove(accountChannels, accountId, hashed(name));
  }

  /** Lists the grants of a channel for its owner. @throws ApiError `not_found` */
  async grants(ownerId: string, name: string, { limit, after }: PageOptions): Promise<Page<Grant>> {
    checkChannelName(name);
    const record = await channelRecords.read(this.#registry, hashed(name));
    if (record?.owner !== ownerId) throw noSuchChannel();
    const prefix = grants.under(hashed(name));
    const entries = await this.#registry.list(prefix, { limit: limit + 1, after: after === undefined ? undefined : prefix + after });
    const items = entries.slice(0, limit).map((entry) => grants.of(entry));
    return {
      items: items.map(grantOf),
      next: entries.length > limit ? items.at(-1)?.accountId : undefined,
    };
  }

  /** The channel, for its owner. @throws ApiError `invalid_channel_name`, `not_found` */
  async requireOwned(transaction: Transaction, ownerId: string, name: string): Promise<ChannelRecord> {
    const channel = await this.requireUsable(transaction, ownerId, name);
    if (channel.owner !== ownerId) throw noSuchChannel();
    return channel;
  }

  async #takeOrg(transaction: Transaction, accountId: string, name: string): Promise<void> {
    const org = await transaction.get(orgs, hashed(name));
    if (org !== undefined && org.owner !== accountId) throw new ApiError("org_taken", `the org ${name} belongs to another account`);
    if (org !== undefined) return;
    const account = await transaction.get(accounts, accountId);
    if (account === undefined) throw new ApiError("not_found", "no such account");
    if (account.orgs >= this.#limits.maxOrgsPerAccount) {
      throw new ApiError("limit_reached", `an account may have ${this.#limits.maxOrgsPerAccount} orgs`);
    }
    transaction.put(accounts, [accountId], { ...account, orgs: account.orgs + 1 });
    transaction.put(orgs, [hashed(name)], { name, owner: accountId, channels: 0 });
  }

  async #countChannel(transaction: Transaction, name: string): Promise<void> {
    const org = await transaction.get(orgs, hashed(name));
    if (org === undefined) return;
    if (org.channels >= this.#limits.maxChannelsPerOrg) {
      throw new ApiError("limit_reached", `an org may have ${this.#limits.maxChannelsPerOrg} channels`);
    }
    transaction.put(orgs, [hashed(name)], { ...org, channels: org.channels + 1 });
  }
}

/** The same error for all: a channel of another account can't be distinguished from a missing one. */
export function noSuchChannel(): ApiError {
  return new ApiError("not_found", "no such channel");
}

function grantOf({ accountId, createdAt, makers, memberKeys }: Grant): Grant {
  return { accountId, createdAt, makers, memberKeys };
}

function infoOf(record: ChannelRecord, accountId: string): ChannelInfo {
  return { name: record.name, role: record.owner === accountId ? "owner" : "member", createdAt: record.createdAt };
}
