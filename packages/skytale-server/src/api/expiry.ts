import type { Registry } from "../registry/registry.ts";
import { transact } from "../registry/transaction.ts";
import type { Invites } from "./invites.ts";
import type { Joins } from "./joins.ts";
import { expiries, timeKey } from "./records.ts";
import type { Withdrawals } from "./withdrawals.ts";

/** Entries that are read at a time. */
const PAGE = 200;

/** Ends what has an end. Resolves with how many. */
export async function expire(
  registry: Registry,
  parts: { readonly joins: Joins; readonly invites: Invites; readonly withdrawals: Withdrawals; readonly now: number },
): Promise<number> {
  const { joins, invites, withdrawals, now } = parts;
  const end = expiries.key(timeKey(now + 1));
  for (let count = 0; ;) {
    const entries = await registry.list(expiries.prefix, { limit: PAGE });
    const due = entries.filter(({ key }) => key < end);
    for (const entry of due) {
      const { kind, channel, id } = expiries.of(entry);
      if (kind === "join") await joins.expire(channel, id);
      else if (kind === "invite") await invites.forget(channel, id);
      else await withdrawals.resume(channel);
      await remove(registry, entry.key.slice(expiries.prefix.length));
    }
    count += due.length;
    if (due.length < PAGE) return count;
  }
}

async function remove(registry: Registry, place: string): Promise<void> {
  await transact(registry, async (transaction) => {
    if ((await transaction.get(expiries, place)) !== undefined) transaction.remove(expiries, place);
  });
}
