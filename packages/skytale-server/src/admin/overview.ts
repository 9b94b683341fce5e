import { channelRecords, joins, pendingJoins } from "../api/records.ts";
import type { SkytaleView } from "./skytale-view.ts";

/** Something that does not move on, and where to look. */
interface StuckThing {
  readonly what: string;
  readonly why: string;
  readonly place: string;
}

const MAX_STUCK = 50;
const MAX_COUNTED = 1000;
/** A join request that waits for longer counts as stuck, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Is the server up, and is anything stuck? */
export async function readOverview({ storage, stores, services, relay, urls }: SkytaleView): Promise<unknown> {
  const writes = await storage.checkWrites();
  const pending = await stores.registry.list(pendingJoins.prefix, { limit: MAX_STUCK });
  const stuck: StuckThing[] = [];
  for (const entry of pending) {
    const request = await joins.read(stores.registry, pendingJoins.of(entry).id);
    if (request === undefined || Date.now() - request.createdAt < PATIENCE_MS) continue;
    const readers = relay().readersOf(request.channel).length;
    const why =
      readers === 0
        ? "a join request waits, and no member of the channel is connected to approve it"
        : `a join request waits for ${Math.round((Date.now() - request.createdAt) / 1000)} s, although members are connected`;
    stuck.push({ what: request.channel, why, place: `invites/${encodeURIComponent(request.channel)}` });
  }
  const known = await stores.registry.list(channelRecords.prefix, { limit: MAX_COUNTED });
  const { streams, subscriptions, channels: openChannels, storedBytes, waitingBytes } = relay().counts;
  return {
    url: urls().api,
    relayUrl: urls().relay,
    health: writes.ok ? "ok" : "failing",
    healthReason: writes.ok ? undefined : "writes to the disk fail: see the server's log",
    streams,
    subscriptions,
    openChannels,
    storedBytes,
    waitingBytes,
    channels: known.length,
    hasMoreChannels: known.length === MAX_COUNTED,
    pendingJoins: pending.length,
    waitingCalls: services.signals.size,
    stuck,
  };
}
