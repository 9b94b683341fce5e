import { numberAt, numbersKey, type Environment, type Table, type WriteQueue } from "@parley/storage";
import type { RecordedKey } from "./draft.ts";
import { KEY_ID_LENGTH, KeyWindow, type KeyWindowOptions } from "./key-window.ts";

/** Largest number of expired records that one group removes, so that a batch of expired keys does not delay an append. */
const REMOVALS = 256;

/** Keeps a key window on disk: a record for each group of appends, written along with it. */
export class KeyJournal {
  readonly window: KeyWindow;
  readonly #table: Table;
  readonly #writes: WriteQueue;
  #next = 1;
  /** First record of the young generation; those before are of the old one or out of date. */
  #youngFrom = 1;
  /** Records that are out of date: from here to there. */
  #removeFrom = 1;
  #removeTo = 1;

  constructor(environment: Environment, options: KeyWindowOptions, now: number) {
    this.#table = environment.table("log-keys");
    this.#writes = environment.writes;
    const [firstKey] = this.#table.getKeys({ limit: 1 });
    this.window = new KeyWindow(options, firstKey === undefined ? now : numberAt(firstKey, 1));
    for (const { key, value } of this.#table.getRange({})) this.#load(key, value);
  }

  /** Queues a group's record. Returns its number, for {@link KeyJournal.take}. */
  put(keys: readonly RecordedKey[], now: number): number {
    const number = this.#next++;
    this.#writes.put(this.#table, numbersKey(number, now), encode(keys));
    this.#removeSome();
    return number;
  }

  /** Makes a group's keys known, once it is durable. */
  take(number: number, keys: readonly RecordedKey[], now: number): void {
    for (const { id, sequence } of keys) if (this.window.add(id, sequence, now)) this.#rotated(number);
  }

  #load(key: Uint8Array, value: Uint8Array): void {
    const number = numberAt(key, 0);
    if (this.#next === 1) {
      this.#youngFrom = number;
      this.#removeFrom = number;
      this.#removeTo = number;
    }
    this.#next = number + 1;
    // Without a damaged record, an entry that is sent again may be appended twice.
    this.take(number, decode(value) ?? [], numberAt(key, 1));
  }

  #rotated(number: number): void {
    this.#removeTo = this.#youngFrom;
    this.#youngFrom = number;
  }

  #removeSome(): void {
    if (this.#removeFrom >= this.#removeTo) return;
    const range = { start: numbersKey(this.#removeFrom), end: numbersKey(this.#removeTo), limit: REMOVALS };
    let last = this.#removeTo - 1;
    let count = 0;
    for (const key of this.#table.getKeys(range)) {
      this.#writes.remove(this.#table, Uint8Array.from(key));
      last = numberAt(key, 0);
      count++;
    }
    this.#removeFrom = count < REMOVALS ? this.#removeTo : last + 1;
  }
}

const SEQUENCE = 6;
const ROW = SEQUENCE + KEY_ID_LENGTH;

function encode(keys: readonly RecordedKey[]): Buffer {
  const record = Buffer.allocUnsafe(keys.length * ROW);
  for (const [index, { id, sequence }] of keys.entries()) {
    const at = record.writeUIntBE(sequence, index * ROW, SEQUENCE);
    record.write(id, at, "latin1");
  }
  return record;
}

/** `undefined` when the record is damaged. */
function decode(value: Uint8Array): RecordedKey[] | undefined {
  const record = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (record.length % ROW !== 0) return undefined;
  return Array.from({ length: record.length / ROW }, (_, index) => {
    const at = index * ROW + SEQUENCE;
    return { id: record.toString("latin1", at, at + KEY_ID_LENGTH), sequence: record.readUIntBE(index * ROW, SEQUENCE) };
  });
}
