import type { Records } from "@parley/storage";

/** Stored form: the number of latest messages of each owner in an inbox. */
export type InboxShareRecord = { readonly recipient: string; readonly holders: readonly (readonly [owner: string, count: number])[] };

/** How often changed shares are written, in sweeps, and how many per write. */
const WRITE_EVERY = 60;
const MAX_WRITES = 256;

/** Number of counted messages of one owner in an inbox. */
interface Holder {
  count: number;
}

interface Box {
  readonly holders: Map<string, Holder>;
  /** The senders' owners of the latest messages, oldest first, from `start`. */
  latest: Holder[];
  start: number;
}

/** Share of an inbox below which messages aren't counted, and share reserved for owners without a message in it. */
const UNCOUNTED = 1 / 8;
const RESERVED = 1 / 8;
/** Share that the messages of one owner may fill: an API key, or another node's host; and of an address, for senders without a host. */
const PER_OWNER = 3 / 4;
const PER_ADDRESS = 1 / 4;

/**
 * Prevents one sender from filling an inbox. Counts the owners of the latest messages of inboxes that are at least an eighth full: as many
 * as wait there. Since messages leave roughly in order, these are the waiting ones. Counts are written once a minute and on close, without
 * the order: after a start, the messages of all owners count as equally old.
 */
export class InboxShares {
  readonly #max: number;
  readonly #boxes = new Map<string, Box>();
  readonly #records: Records<InboxShareRecord> | undefined;
  /** Inboxes whose counts have changed since they were written, and those that have a record. */
  readonly #changed = new Set<string>();
  readonly #recorded = new Set<string>();
  #sweeps = 0;

  /**
   * @param max messages of one inbox.
   * @param records keep the counts for the next start.
   */
  constructor(max: number, records?: Records<InboxShareRecord>) {
    this.#max = max;
    this.#records = records;
    for (const { recipient, holders } of records?.load() ?? []) {
      this.#boxes.set(recipient, restored(holders));
      this.#recorded.add(recipient);
    }
  }

  /** Whether shares are limited while `waiting` messages wait. */
  counts(waiting: number): boolean {
    return waiting >= Math.floor(this.#max * UNCOUNTED);
  }

  /** Whether an inbox accepts one more message of an owner while `waiting` messages wait there. */
  hasRoom(recipient: string, owner: string, waiting: number): boolean {
    const uncounted = Math.floor(this.#max * UNCOUNTED);
    if (waiting < uncounted) {
      this.#forget(recipient);
      return true;
    }
    const box = this.#boxes.get(recipient);
    if (box !== undefined) trim(box, waiting);
    const held = box?.holders.get(owner)?.count ?? 0;
    if (held > 0 && waiting >= this.#max - Math.floor(this.#max * RESERVED)) return false;
    const share = isAddress(owner) ? PER_ADDRESS : PER_OWNER;
    return held < Math.max(1, Math.ceil(this.#max * share) - uncounted);
  }

  /** Counts a stored message of an owner in an inbox with `waiting` messages, itself included. */
  stored(recipient: string, owner: string, waiting: number): void {
    if (waiting <= Math.floor(this.#max * UNCOUNTED)) return;
    const box = this.#boxes.get(recipient) ?? { holders: new Map<string, Holder>(), latest: [], start: 0 };
    this.#boxes.set(recipient, box);
    const holder = box.holders.get(owner) ?? { count: 0 };
    box.holders.set(owner, holder);
    holder.count += 1;
    box.latest.push(holder);
    if (this.#records !== undefined) this.#changed.add(recipient);
  }

  /** Drops the counts of inboxes below the threshold, and periodically writes the others. Called every second. */
  async sweep(waitingIn: (recipient: string) => number): Promise<void> {
    for (const recipient of this.#boxes.keys()) {
      if (waitingIn(recipient) < Math.floor(this.#max * UNCOUNTED)) this.#forget(recipient);
    }
    this.#sweeps += 1;
    if (this.#sweeps % WRITE_EVERY === 0 || this.#changed.size > MAX_WRITES) await this.write(MAX_WRITES);
  }

  /**
   * Writes up to `max` changed counts.
   *
   * @throws StorageError `storage_failed`
   */
  async write(max: number = Number.POSITIVE_INFINITY): Promise<void> {
    const records = this.#records;
    if (records === undefined) return;
    const writing: Promise<void>[] = [];
    for (const recipient of this.#changed) {
      if (writing.length >= max) break;
      this.#changed.delete(recipient);
      const box = this.#boxes.get(recipient);
      if (box !== undefined) {
        this.#recorded.add(recipient);
        const holders = [...box.holders].flatMap(([owner, { count }]) => (count > 0 ? [[owner, count] as const] : []));
        writing.push(records.put(recipient, { recipient, holders }));
      } else if (this.#recorded.delete(recipient)) {
        writing.push(records.remove(recipient));
      }
    }
    await Promise.all(writing);
  }

  #forget(recipient: string): void {
    if (this.#boxes.delete(recipient) && this.#recorded.has(recipient)) this.#changed.add(recipient);
  }
}

/** Restores counts. Interleaves the messages of all owners, because their order was not stored. */
function restored(holders: InboxShareRecord["holders"]): Box {
  const box: Box = { holders: new Map(), latest: [], start: 0 };
  const all = holders.map(([owner, count]): readonly [Holder, number] => {
    const holder = { count };
    box.holders.set(owner, holder);
    return [holder, count];
  });
  const places = all.flatMap(([holder, count]) => Array.from({ length: count }, (_, index) => [(index + 0.5) / count, holder] as const));
  box.latest = places.toSorted(([left], [right]) => left - right).map(([, holder]) => holder);
  return box;
}

/** Removes the oldest messages in excess of the waiting ones. */
function trim(box: Box, waiting: number): void {
  for (; box.latest.length - box.start > waiting; box.start += 1) {
    const holder = box.latest[box.start];
    if (holder !== undefined) holder.count -= 1;
  }
  if (box.start * 2 < box.latest.length) return;
  box.latest = box.latest.slice(box.start);
  box.start = 0;
  for (const [owner, { count }] of box.holders) if (count === 0) box.holders.delete(owner);
}

/** Owners are ids of API keys, hosts of did:web senders, or addresses. */
function isAddress(owner: string): boolean {
  return /^[\d.]+$|^(?:[\da-f]{1,4}:){3}[\da-f]{1,4}$/.test(owner);
}
