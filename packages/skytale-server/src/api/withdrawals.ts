import { TimeSlice } from "@parley/core/internal";
import { Kind, transact, type Transaction } from "../registry/transaction.ts";
import type { Registry } from "../registry/registry.ts";
import { ApiError } from "./api-error.ts";
import { removeUsage } from "./channel-usage.ts";
import type { Channels } from "./channels.ts";
import type { JsonObject } from "@parley/core";
import {
  channelRecords,
  expiries,
  grants,
  hashed,
  invites,
  pendingJoins,
  timeKey,
  type GrantRecord,
  type InviteRecord,
} from "./records.ts";

/** Options of {@link Withdrawals}. */
export interface WithdrawalsOptions {
  readonly registry: Registry;
  readonly channels: Channels;
  readonly now: () => number;
  /** Rejects the waiting join requests of a removed invite, in the transaction that removes it. */
  readonly rejectRequests: (transaction: Transaction, requestIds: readonly string[]) => Promise<void>;
  /** Called after they are rejected. */
  readonly onRejected: (requestIds: readonly string[]) => void;
}

/** Records that are read at a time. */
const PAGE = 200;

/**
 * Withdraws grants, and all that was made under them: the invites of the accounts that lose the channel, the requests that wait by these,
 * and the grants that were made by them, as far as no other account that keeps the channel has made them too.
 */
export class Withdrawals {
  readonly #options: WithdrawalsOptions;

  constructor(options: WithdrawalsOptions) {
    this.#options = options;
  }

  /**
   * Withdraws a grant. One that was begun is finished after a restart too.
   *
   * @throws ApiError `not_found` (no such channel or grant, or not the channel's owner)
   */
  withdraw(ownerId: string, name: string, accountId: string): Promise<void> {
    const { registry, channels, now } = this.#options;
    const marker = [timeKey(now()), `withdrawal-${accountId}`] as const;
    return channels.lock.run(name, async () => {
      await transact(registry, async (transaction) => {
        await channels.requireOwned(transaction, ownerId, name);
        if ((await transaction.get(grants, hashed(name), accountId)) === undefined) throw new ApiError("not_found", "no such grant");
        await channels.removeGrant(transaction, name, accountId);
        await transaction.get(expiries, ...marker);
        transaction.put(expiries, marker, { kind: "withdrawal", channel: name, id: accountId });
      });
      await this.#removeDescendants(name);
      await transact(registry, async (transaction) => {
        if ((await transaction.get(expiries, ...marker)) !== undefined) transaction.remove(expiries, ...marker);
      });
    });
  }

  /**
   * Finishes a withdrawal that a stop of the server has cut short. Called by `expire`, which finds the marker of the withdrawal among the
   * expiries and removes it afterwards.
   */
  resume(name: string): Promise<void> {
    return this.#options.channels.lock.run(name, () => this.#removeDescendants(name));
  }

  /** Removes all grants and invites of a channel, and rejects its join requests. The caller has the channel's lock. */
  async removeAll(name: string): Promise<void> {
    const { registry, channels } = this.#options;
    for (const invite of await this.#all(invites, name)) await this.#removeInvite(invite);
    for (const { accountId } of await this.#all(grants, name)) {
      await transact(registry, (transaction) => channels.removeGrant(transaction, name, accountId));
    }
    const pending = (await this.#all(pendingJoins, name)).map(({ id }) => id);
    for (const id of pending) await transact(registry, (transaction) => this.#options.rejectRequests(transaction, [id]));
    this.#options.onRejected(pending);
  }

  async #removeDescendants(name: string): Promise<void> {
    const { registry, channels } = this.#options;
    const channel = await channelRecords.read(registry, hashed(name));
    if (channel === undefined) return;
    const all = await this.#all(grants, name);
    const kept = reachable(all, channel.owner);
    for (const { accountId, makers } of all) {
      if (!kept.has(accountId)) await transact(registry, (transaction) => channels.removeGrant(transaction, name, accountId));
      else if (makers?.some((maker) => !kept.has(maker)) === true) {
        await transact(registry, async (transaction) => {
          const grant = await transaction.get(grants, hashed(name), accountId);
          if (grant?.makers === undefined) return;
          transaction.put(grants, [hashed(name), accountId], { ...grant, makers: grant.makers.filter((maker) => kept.has(maker)) });
        });
      }
    }
    for (const invite of await this.#all(invites, name)) if (!kept.has(invite.createdBy)) await this.#removeInvite(invite);
  }

  async #removeInvite({ id, channel: name }: InviteRecord): Promise<void> {
    const { registry, rejectRequests, onRejected } = this.#options;
    const waiting = await transact(registry, async (transaction) => {
      const invite = await transaction.get(invites, hashed(name), id);
      if (invite === undefined) return [];
      const held = invite.uses.flatMap(({ requestId, until }) => (until === null ? [] : requestId));
      await rejectRequests(transaction, held);
      const channel = await transaction.get(channelRecords, hashed(name));
      if (channel !== undefined) transaction.put(channelRecords, [hashed(name)], { ...channel, invites: channel.invites - 1 });
      await removeUsage(transaction, { channel: name, accountId: invite.createdBy, what: "invites" });
      transaction.remove(invites, hashed(name), id);
      return held;
    });
    onRejected(waiting);
  }

  async #all<T extends JsonObject>(kind: Kind<T>, name: string): Promise<T[]> {
    const { registry } = this.#options;
    const prefix = kind.under(hashed(name));
    const slice = new TimeSlice();
    const found: T[] = [];
    for (let after: string | undefined; ;) {
      const entries = await registry.list(prefix, { limit: PAGE, after });
      for (const entry of entries) found.push(kind.of(entry));
      if (entries.length < PAGE) return found;
      after = entries.at(-1)?.key;
      if (slice.isOver) await slice.next();
    }
  }
}

/** The accounts that keep a channel: its owner, those whose grant the owner made, and those whose grant one of them made. */
function reachable(all: readonly GrantRecord[], owner: string): ReadonlySet<string> {
  const madeBy = new Map<string, string[]>();
  const kept = new Set([owner]);
  for (const { accountId, makers } of all) {
    // Made before makers were recorded.
    if (makers === undefined) kept.add(accountId);
    for (const maker of makers ?? []) {
      const made = madeBy.get(maker);
      if (made === undefined) madeBy.set(maker, [accountId]);
      else made.push(accountId);
    }
  }
  // A set hands out what is added while it is iterated over.
  for (const maker of kept) for (const accountId of madeBy.get(maker) ?? []) kept.add(accountId);
  return kept;
}
