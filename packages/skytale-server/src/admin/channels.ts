import type { AdminParameters } from "@parley/server-kit";
import { decodeMessage, FrameError } from "@parley/skytale-relay/internal";
import { channelRecords, grants, hashed } from "../api/records.ts";
import type { SkytaleView } from "./skytale-view.ts";

const MAX_CHANNELS = 500;
const MAX_GRANTS = 200;
const PAGE = { limit: 200, maxBytes: 4 * 1024 * 1024 };

/** Which channels are there: head, readers and their lag, open joins. */
export async function readChannels({ stores, relay }: SkytaleView, { q = "" }: AdminParameters): Promise<unknown> {
  const entries = await stores.registry.list(channelRecords.prefix, { limit: MAX_CHANNELS });
  const wanted = q.toLowerCase();
  const records = entries.map((entry) => channelRecords.of(entry)).filter(({ name }) => name.toLowerCase().includes(wanted));
  const rows = await Promise.all(
    records.map(async ({ name, owner, createdAt, invites, pending, grants: accounts }) => {
      const head = await stores.logs.log.head(name);
      const readers = relay().readersOf(name);
      const lag = Math.max(0, ...readers.map(({ next }) => head.next - next));
      return {
        name,
        owner,
        createdAt,
        invites,
        pending,
        accounts: accounts + 1,
        first: head.first,
        next: head.next,
        readers: readers.length,
        lag,
      };
    }),
  );
  return { channels: rows.toSorted((one, other) => (one.name < other.name ? -1 : 1)), hasMore: entries.length === MAX_CHANNELS };
}

/** What does the relay see, and only that? Never the payload: it is ciphertext, and only its size is shown. */
export async function readChannel({ stores, relay, options }: SkytaleView, { name = "", from }: AdminParameters): Promise<unknown> {
  const record = await channelRecords.read(stores.registry, hashed(name));
  if (record === undefined) return { name, exists: false };
  const { log } = stores.logs;
  const head = await log.head(name);
  const start = Math.max(head.first, from === undefined || from === "" ? head.next - PAGE.limit : Number(from) || head.first);
  const page = await log.read(name, { from: start, ...PAGE });
  const rows: unknown[] = [];
  let sequence = page.first;
  for (const entry of page.entries) {
    if (entry instanceof Uint8Array) rows.push({ sequence, ...claimsOf(entry) });
    else rows.push({ sequence, kind: "evicted", evicted: entry.evicted });
    sequence += entry instanceof Uint8Array ? 1 : entry.evicted;
  }
  const granted = await stores.registry.list(grants.under(hashed(name)), { limit: MAX_GRANTS });
  return {
    name,
    exists: true,
    owner: record.owner,
    createdAt: record.createdAt,
    first: head.first,
    next: head.next,
    retention: options.retention,
    readers: relay()
      .readersOf(name)
      .map(({ accountId, next }) => ({ accountId, next, lag: head.next - next })),
    accounts: granted.map((entry) => {
      const { accountId, createdAt, makers = [] } = grants.of(entry);
      return { accountId, createdAt, makers };
    }),
    from: start,
    entries: rows,
  };
}

/** What the sender of an entry claims in the open. */
function claimsOf(encoded: Uint8Array): Record<string, unknown> {
  try {
    const { kind = "unknown", epoch, payload, supersedes, recordedAt } = decodeMessage(encoded);
    return { kind, epoch: Number(epoch), size: payload.length, recordedAt, ...(supersedes !== 0 && { supersedes }) };
  } catch (error) {
    if (error instanceof FrameError) return { kind: "unknown", size: encoded.length };
    throw error;
  }
}
