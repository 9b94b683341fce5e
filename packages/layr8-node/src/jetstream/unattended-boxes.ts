import { type JetstreamConnection, Leases } from "@parley/jetstream";
import type { ExpiredMessages } from "../inbox/inbox.ts";
import { expiredOf } from "../inbox/pages.ts";
import type { UnattendedInboxes } from "../stores.ts";
import type { BoxStreams } from "./box-streams.ts";
import type { JetstreamBox } from "./jetstream-box.ts";
import { type Counted, type KeptBox, ShardKeeper } from "./shard-keeper.ts";

/** Options of {@link UnattendedBoxes.open}. */
export interface UnattendedBoxesOptions {
  readonly connection: JetstreamConnection;
  readonly streams: BoxStreams;
  now(): number;
  /** The API key of a recipient. */
  ownerOf(recipient: string): string | undefined;
  /** Whether this server has a box open. */
  isOpen(recipient: string): boolean;
  /** Reads a box, which is not opened by this. @throws StorageError `storage_failed` */
  load(recipient: string): Promise<JetstreamBox>;
  /** Names of all running servers. @throws StorageError `storage_failed` */
  running(): Promise<ReadonlySet<string>>;
  /** See {@link ShardKeeper}. */
  onCounted(counted: Counted, sign: 1 | -1, recipient: string): void;
}

/** How often leases of shards are tried, in milliseconds. */
const TRY_EVERY_MS = 10_000;
/** When boxes that a running server has open are looked at again, in milliseconds. */
const LOOK_AGAIN_MS = 60_000;
/** Boxes of a shard that are counted in one sweep, at the same time, and messages after which the sweep ends. */
const MAX_COUNTED = 256;
const PARALLEL = 16;
const MAX_READ = 10_000;
/** A box is counted again after this time; longer, if it has many messages, which are all read: milliseconds, in all and for each message. */
const COUNT_AFTER_MS = 5000;
const COUNT_AFTER_MS_PER_MESSAGE = 10;

/**
 * The boxes that no server has open. They are divided by shards: one server at a time holds the lease of a shard. It finds expired messages, and counts
 * the waiting ones, a bounded number with each sweep.
 */
export class UnattendedBoxes {
  readonly #options: UnattendedBoxesOptions;
  readonly #leases: Leases;
  readonly #keepers = new Map<number, ShardKeeper>();
  #isConnected: (recipient: string) => boolean = () => false;
  #triedAt = Number.NEGATIVE_INFINITY;

  private constructor(options: UnattendedBoxesOptions, leases: Leases) {
    this.#options = options;
    this.#leases = leases;
  }

  /** @throws JetstreamError `streams_unavailable` */
  static async open(options: UnattendedBoxesOptions): Promise<UnattendedBoxes> {
    const boxes = new UnattendedBoxes(options, await Leases.open(options.connection, { name: "keepers" }));
    await boxes.#acquireShards();
    return boxes;
  }

  /** What is counted here. */
  summary(now: number): UnattendedInboxes {
    let [inboxes, oldestAt] = [0, now];
    for (const keeper of this.#keepers.values()) {
      inboxes += keeper.counted;
      oldestAt = Math.min(oldestAt, keeper.oldestAt);
    }
    return { inboxes, oldestMs: now - oldestAt };
  }

  /** Sets how to find out whether any server has connections of a recipient, which is cheaper than to read its box. */
  useConnections(isConnected: (recipient: string) => boolean): void {
    this.#isConnected = isConnected;
  }

  /** A recipient has got its first connection, or lost its last one. */
  touch(recipient: string): void {
    this.#keepers.get(this.#options.streams.placeOf(recipient).shard)?.touch(recipient);
  }

  /** Counts boxes that have changed, and yields expired messages. Called every second. */
  async *sweep(now: number): AsyncGenerator<ExpiredMessages> {
    if (performance.now() - this.#triedAt >= TRY_EVERY_MS) await this.#acquireShards();
    // Asked once, and only if there is anything to look at.
    let asked: Promise<ReadonlySet<string>> | undefined;
    const running = (): Promise<ReadonlySet<string>> => (asked ??= this.#options.running());
    for (const keeper of this.#keepers.values()) {
      await this.#count(keeper, now, running);
      yield* this.#expiredOf(keeper, now, running);
    }
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#keepers.values(), (keeper) => keeper.close()));
  }

  async *#expiredOf(keeper: ShardKeeper, now: number, running: () => Promise<ReadonlySet<string>>): AsyncGenerator<ExpiredMessages> {
    const { isOpen, load } = this.#options;
    for (const kept of keeper.due(now)) {
      const { recipient, last } = kept;
      if (keeper.lease.lost.aborted) return;
      // If reading fails, it is looked at again.
      keeper.keep(kept, now);
      const box = await load(recipient);
      const { index } = box;
      // The next message may expire earlier.
      if (kept.last !== last) continue;
      if (!index.hasExpired(now)) keeper.keep(kept, index.expiresAt);
      else if (await isOpened(box, running)) keeper.keep(kept, now + LOOK_AGAIN_MS);
      else {
        yield* expiredOf(box, now, () => isOpen(recipient));
        keeper.touch(recipient);
      }
    }
  }

  async #count(keeper: ShardKeeper, now: number, running: () => Promise<ReadonlySet<string>>): Promise<void> {
    const boxes = keeper.takeChanged(now, MAX_COUNTED).values();
    let read = 0;
    const worker = async (): Promise<void> => {
      for (const kept of boxes) {
        if (keeper.lease.lost.aborted) return;
        if (read >= MAX_READ) keeper.countLater(kept, kept.countAt);
        else read += await this.#countOne(keeper, kept, now, running);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  /** Returns how many messages were read. */
  async #countOne(keeper: ShardKeeper, kept: KeptBox, now: number, running: () => Promise<ReadonlySet<string>>): Promise<number> {
    const { recipient, last } = kept;
    const { load, ownerOf } = this.#options;
    if (this.#isAttended(recipient)) {
      // Counted by the server that has it open.
      keeper.count(kept, undefined);
      return 0;
    }
    try {
      const box = await load(recipient);
      const { messages, length } = box.depth();
      if (await isOpened(box, running)) {
        keeper.count(kept, undefined);
        keeper.countLater(kept, now + COUNT_AFTER_MS);
      } else if (messages === 0 && kept.last === last) keeper.keep(kept, Number.POSITIVE_INFINITY);
      else {
        kept.countedAt = now;
        kept.countAt = now + COUNT_AFTER_MS + messages * COUNT_AFTER_MS_PER_MESSAGE;
        keeper.count(kept, messages === 0 ? undefined : { owner: ownerOf(recipient), messages, length, oldestAt: box.index.oldestAt });
      }
      return messages;
    } catch {
      // NATS does not answer, which the node reports by its health.
      keeper.countLater(kept, now + COUNT_AFTER_MS);
      return 0;
    }
  }

  /** Whether a server has a box open, as far as is known without reading it. */
  #isAttended(recipient: string): boolean {
    return this.#options.isOpen(recipient) || this.#isConnected(recipient);
  }

  async #acquireShards(): Promise<void> {
    this.#triedAt = performance.now();
    const { connection, streams, now, ownerOf, onCounted } = this.#options;
    const shards = Array.from({ length: streams.shards }, (_, shard) => shard);
    await Promise.all(
      shards.map(async (shard) => {
        const former = this.#keepers.get(shard);
        if (former?.lease.lost.aborted === false) return;
        former?.forget();
        this.#keepers.delete(shard);
        const lease = await this.#leases.acquire(`shard-${shard}`).catch(() => undefined);
        if (lease === undefined) return;
        const isAttended = (recipient: string): boolean => this.#isAttended(recipient);
        const place = streams.allOf(shard);
        this.#keepers.set(shard, new ShardKeeper({ connection, place, lease, now: now(), ownerOf, isAttended, onCounted }));
      }),
    );
  }
}

/** Whether a running server has a box open. */
async function isOpened({ isOpen, index }: JetstreamBox, running: () => Promise<ReadonlySet<string>>): Promise<boolean> {
  return isOpen || (index.openedBy !== undefined && (await running()).has(index.openedBy));
}
