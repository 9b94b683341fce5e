import { type Environment, numberAt, numbersKey, type Table, type WriteQueue } from "@parley/storage";
import type { SegmentKey } from "./log-keys.ts";
import { type Holding, Shares } from "./shares.ts";

/**
 * Counts the entries of each account in each log, and finds its application entries: tables `log-shares` (channel, publisher → entries and bytes of
 * application entries, the same of others) and `log-application` (channel, publisher, last sequence of a segment → the segment's key). Written in the transactions
 * that change the segments, so nothing has to be counted or searched later. In memory are the shares of open channels only.
 *
 * A damaged row of shares is skipped: its account counts from 0, and loses its entries with the front of the log.
 */
export class ShareTables {
  readonly #writes: WriteQueue;
  readonly #shares: Table;
  readonly #application: Table;

  constructor(environment: Environment) {
    this.#writes = environment.writes;
    this.#shares = environment.table("log-shares");
    this.#application = environment.table("log-application");
  }

  load(channel: number): Shares<number> {
    const rows = this.#shares.getRange({ start: numbersKey(channel), end: numbersKey(channel + 1) });
    return new Shares(Array.from(rows, ({ key, value }) => [numberAt(key, 1), readHolding(value)] as const));
  }

  /** Queues the rows of all accounts whose holdings have changed. */
  put(channel: number, shares: Shares<number>): void {
    for (const publisher of shares.takeChanged()) {
      const { application, handshake } = shares.of(publisher);
      const key = numbersKey(channel, publisher);
      if (application.entries + handshake.entries === 0) this.#writes.remove(this.#shares, key);
      else this.#writes.put(this.#shares, key, numbersKey(application.entries, application.bytes, handshake.entries, handshake.bytes));
    }
  }

  /** Queues the place of a segment, if its entries can be evicted. @param key the segment's. */
  putPlace({ channel, publishers, last, kind }: SegmentKey, key: Uint8Array): void {
    const [publisher] = publishers;
    if (kind === "application" && publisher !== undefined)
      this.#writes.put(this.#application, numbersKey(channel, publisher.publisher, last), key);
  }

  /** Queues the removal of a segment's place, if it has one. */
  removePlace({ channel, publishers, last, kind }: SegmentKey): void {
    const [publisher] = publishers;
    if (kind === "application" && publisher !== undefined)
      this.#writes.remove(this.#application, numbersKey(channel, publisher.publisher, last));
  }

  /** The key of an account's oldest segment of application entries that ends at a sequence or later. */
  oldest(channel: number, publisher: number, from: number): Uint8Array | undefined {
    const range = { start: numbersKey(channel, publisher, from), end: numbersKey(channel, publisher + 1), limit: 1 };
    for (const { value } of this.#application.getRange(range)) return Uint8Array.from(value);
    return undefined;
  }
}

function readHolding(value: Uint8Array): Holding {
  return {
    application: { entries: numberAt(value, 0), bytes: numberAt(value, 1) },
    handshake: { entries: numberAt(value, 2), bytes: numberAt(value, 3) },
  };
}
