import { type Environment, NUMBER_BYTES, numberAt, numbersKey, type Table, type WriteQueue } from "@parley/storage";
import { type PublisherBytes, readSegmentKey } from "./log-keys.ts";

interface Row {
  readonly account: string;
  readonly id: number;
  bytes: number;
}

/**
 * How many bytes each account has in the logs of all channels: table `log-publishers` (id → bytes, account). All rows are in memory, one for
 * each account that ever published. A row is written in the same transaction as the segments that it counts, so no start has to count again.
 *
 * Segments of older versions name no publisher and are not counted. A damaged row is skipped: its account starts again from 0.
 */
export class PublisherTable {
  readonly #writes: WriteQueue;
  readonly #rows: Table;
  readonly #byAccount = new Map<string, Row>();
  readonly #byId = new Map<number, Row>();
  #nextId = 1;
  #total = 0;

  constructor(environment: Environment) {
    this.#writes = environment.writes;
    this.#rows = environment.table("log-publishers");
    let isDamaged = false;
    for (const { key, value } of this.#rows.getRange({ onDamaged: () => (isDamaged = true) })) {
      const row: Row = { id: numberAt(key, 0), bytes: numberAt(value, 0), account: Buffer.from(value).toString("utf8", NUMBER_BYTES) };
      this.#add(row);
      this.#total += row.bytes;
      this.#nextId = Math.max(this.#nextId, row.id + 1);
    }
    if (!isDamaged) return;
    // Segments may name an id whose row is damaged.
    for (const key of environment.table("log-segments").getKeys({})) {
      for (const { publisher } of readSegmentKey(key).publishers) this.#nextId = Math.max(this.#nextId, publisher + 1);
    }
  }

  /** Bytes of all accounts. */
  get total(): number {
    return this.#total;
  }

  bytesOf(account: string): number {
    return this.#byAccount.get(account)?.bytes ?? 0;
  }

  /** The id of an account. A new one is written with the first bytes that are counted to it. */
  idOf(account: string): number {
    const known = this.#byAccount.get(account);
    if (known !== undefined) return known.id;
    const row = { account, id: this.#nextId++, bytes: 0 };
    this.#add(row);
    return row.id;
  }

  /** Queues the rows that a commit changes. @returns counts the change; to be called when the commit is durable. */
  put(added: readonly PublisherBytes[], removed: readonly PublisherBytes[]): () => void {
    const changes = new Map<Row, number>();
    const count = ({ publisher, bytes }: PublisherBytes, sign: 1 | -1): void => {
      const row = this.#byId.get(publisher);
      if (row !== undefined) changes.set(row, (changes.get(row) ?? 0) + sign * bytes);
    };
    for (const one of added) count(one, 1);
    for (const one of removed) count(one, -1);
    for (const [row, change] of changes) {
      const value = Buffer.concat([numbersKey(after(row, change)), Buffer.from(row.account)]);
      this.#writes.put(this.#rows, numbersKey(row.id), value);
    }
    return () => {
      for (const [row, change] of changes) {
        const bytes = after(row, change);
        this.#total += bytes - row.bytes;
        row.bytes = bytes;
      }
    };
  }

  #add(row: Row): void {
    this.#byAccount.set(row.account, row);
    this.#byId.set(row.id, row);
  }
}

function after({ bytes }: Row, change: number): number {
  return Math.max(0, bytes + change);
}
