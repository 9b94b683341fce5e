import { numberAt, numbersKey, type Environment, type Table, type WriteQueue } from "@parley/storage";
import { FINGERPRINT_LENGTH, type Fingerprint, type RecentMessages } from "./recent-messages.ts";

/** Commits between two sweeps, and records checked per sweep: more than were added in between. */
const SWEEP_EVERY = 256;
const SWEEP_LIMIT = 1024;

/** Options of {@link RecentJournal}. */
export interface RecentJournalOptions {
  /** Its table. */
  readonly name: string;
  readonly windowMs: number;
  /** Maximum number of fingerprints; beyond it, the oldest are removed early. */
  readonly maxHeld: number;
  readonly now: () => number;
}

/**
 * Persists {@link RecentMessages}: per commit one record with the fingerprints of all its messages, under the time and a counter. Records
 * are added and removed in key order. An index by fingerprint would need no table in memory, but writes one disk page per message, which
 * costs a third of the throughput.
 */
export class RecentJournal {
  readonly #table: Table;
  readonly #writes: WriteQueue;
  readonly #windowMs: number;
  readonly #maxHeld: number;
  readonly #now: () => number;
  #fresh: Fingerprint[] = [];
  #counter = 0;
  /** Fingerprints in the table. */
  #held = 0;

  constructor(environment: Environment, { name, windowMs, maxHeld, now }: RecentJournalOptions) {
    this.#table = environment.table(name);
    this.#writes = environment.writes;
    this.#windowMs = windowMs;
    this.#maxHeld = maxHeld;
    this.#now = now;
    this.#writes.onBeforeCommit(() => this.#beforeCommit());
  }

  /** Loads the fingerprints within the window, and queues the others for removal. */
  load(recent: RecentMessages): void {
    const now = this.#now();
    for (const { key, value } of this.#table.getRange({})) {
      const time = numberAt(key, 0);
      this.#counter = Math.max(this.#counter, numberAt(key, 1));
      if (this.#isOver(time, now)) {
        this.#writes.remove(this.#table, Buffer.from(key));
        continue;
      }
      this.#held += value.byteLength / FINGERPRINT_LENGTH;
      recent.addAll(value, time);
    }
  }

  /** Adds the fingerprint to the next commit. */
  add(fingerprint: Fingerprint): void {
    this.#fresh.push(fingerprint);
  }

  #beforeCommit(): void {
    if (this.#fresh.length === 0) return;
    this.#counter += 1;
    this.#writes.put(this.#table, numbersKey(this.#now(), this.#counter), Buffer.from(this.#fresh.join(""), "latin1"));
    this.#held += this.#fresh.length;
    this.#fresh = [];
    if (this.#counter % SWEEP_EVERY === 0) this.#sweep();
  }

  #sweep(): void {
    const now = this.#now();
    for (const { key, value } of this.#table.getRange({ limit: SWEEP_LIMIT })) {
      if (this.#held <= this.#maxHeld && !this.#isOver(numberAt(key, 0), now)) return;
      this.#held -= value.byteLength / FINGERPRINT_LENGTH;
      this.#writes.remove(this.#table, Buffer.from(key));
    }
  }

  #isOver(time: number, now: number): boolean {
    return Math.abs(now - time) >= this.#windowMs;
  }
}
