import type { DamagedRecord } from "@parley/storage";

/** Largest number of records that are reported. */
const MAX_REMEMBERED = 10_000;

/** Reports each damaged record once, even if it is read repeatedly. */
export class DamagedRecords {
  readonly #seen = new Map<string, DamagedRecord>();
  readonly #listeners: ((record: DamagedRecord) => void)[] = [];

  /** Registers a listener. It is also called for records that were found before, for example while the directory was opened. */
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
