import type { GroupRow, MlsGroup } from "@parley/mls-engine";
import { LATE_PREFIX, numberedKey, numberOf } from "./rows.ts";

/** The oldest are forgotten. */
const MAX_ENTRIES = 256;

/**
 * Messages of the log that were recorded so long after their epoch that no member could read them, by sequence, with the key under which
 * they were published. Kept on disk: an agent that repeats a send after a restart learns by them that the first attempt reached nobody.
 */
export class LateEntries {
  readonly #keys = new Map<number, Uint8Array>();
  #unwritten: GroupRow[] = [];

  constructor(group: Pick<MlsGroup, "rowKeys" | "row">) {
    for (const row of group.rowKeys(LATE_PREFIX)) this.#keys.set(numberOf(row, LATE_PREFIX), group.row(row) ?? new Uint8Array());
  }

  /** The key of a late entry; `undefined` if the entry isn't one. */
  keyAt(sequence: number): Uint8Array | undefined {
    return this.#keys.get(sequence);
  }

  add(sequence: number, key: Uint8Array): void {
    this.#keys.set(sequence, key.slice());
    this.#unwritten.push({ key: numberedKey(LATE_PREFIX, sequence), value: key.slice() });
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MAX_ENTRIES && oldest !== undefined) this.#forget(oldest);
  }

  /** The log is another one than before. */
  clear(): void {
    for (const sequence of this.#keys.keys()) this.#forget(sequence);
  }

  /** To be stored in one write with the position in the log. */
  takeRows(): readonly GroupRow[] {
    return this.#unwritten.splice(0);
  }

  #forget(sequence: number): void {
    this.#keys.delete(sequence);
    this.#unwritten.push({ key: numberedKey(LATE_PREFIX, sequence), value: undefined });
  }
}
