import type { GroupRow, MlsGroup } from "@parley/mls-engine";
import { LATE_PREFIX, numberedKey, numberOf } from "./rows.ts";

/** Limit on remembered entries; the oldest are dropped. */
const MAX_ENTRIES = 256;

/**
 * Sequence numbers and publish keys of messages that were recorded too long after their epoch for any member to decrypt. Kept on disk, so
 * that an agent that repeats a send after a restart detects that the first attempt was not delivered.
 */
export class LateEntries {
  readonly #keys = new Map<number, Uint8Array>();
  #unwritten: GroupRow[] = [];

  constructor(group: Pick<MlsGroup, "rowKeys" | "row">) {
    for (const row of group.rowKeys(LATE_PREFIX)) this.#keys.set(numberOf(row, LATE_PREFIX), group.row(row) ?? new Uint8Array());
  }

  /** The publish key of a late entry; `undefined` for other entries. */
  keyAt(sequence: number): Uint8Array | undefined {
    return this.#keys.get(sequence);
  }

  add(sequence: number, key: Uint8Array): void {
    this.#keys.set(sequence, key.slice());
    this.#unwritten.push({ key: numberedKey(LATE_PREFIX, sequence), value: key.slice() });
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MAX_ENTRIES && oldest !== undefined) this.#forget(oldest);
  }

  /** Called when the relay has replaced its log. */
  clear(): void {
    for (const sequence of this.#keys.keys()) this.#forget(sequence);
  }

  /** The changed rows, for the write that stores the cursor. */
  takeRows(): readonly GroupRow[] {
    return this.#unwritten.splice(0);
  }

  #forget(sequence: number): void {
    this.#keys.delete(sequence);
    this.#unwritten.push({ key: numberedKey(LATE_PREFIX, sequence), value: undefined });
  }
}
