import type { DamagedRecord } from "@parley/storage";

/** Records that are remembered as reported. More than that are not reported. */
const MAX_REMEMBERED = 10_000;

/** Reports each damaged record once, however often it is read. */
export class DamagedRecords {
  readonly #seen = new Map<string, DamagedRecord>();
  readonly #listeners: ((record: DamagedRecord) => void)[] = [];

  /** Calls the listener for the records that were found before as well: opening a directory reads some. */
  onAdded(listener: (record: DamagedRecord) => void): void {
    this.#listeners.push(listener);
    for (const record of this.#seen.values()) listener(record);
  }

  add(record: DamagedRecord): void {
    const id = `${record.table} ${Buffer.from(record.key).toString("hex")}`;
    if (this.#seen.has(id) || this.#seen.size >= MAX_REMEMBERED) return;
    this.#seen.set(id, record);
    for (const listener of this.#listeners) listener(record);
  }
}
