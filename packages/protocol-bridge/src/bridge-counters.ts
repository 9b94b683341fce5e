import { TransientMap } from "@parley/core/internal";

/** What became of the messages of one bridge, since it was started. */
export interface BridgeCounters {
  /** Envelopes of the bridge's protocols that arrived, from either side. */
  readonly received: number;
  /** Envelopes that went on to the target, each once. */
  readonly forwarded: number;
  /** Answers that went back to the source, errors included: one for each question, though several come. */
  readonly answered: number;
  /** Not forwarded, because they had been at the target already. */
  readonly looped: number;
  /** Not for this bridge: calls between others, what agents say that nobody asked for, notifications. */
  readonly ignored: number;
  /** Skipped with an error: malformed, too large, untranslatable. */
  readonly refused: number;
  /** Skipped with an error, because the port would not take them. */
  readonly failed: number;
  /** Sends that were tried once more. */
  readonly retried: number;
}

/** Ids of sends that are remembered. */
const MOST_IDS = 4096;

/** Counts. */
export class Counters {
  readonly #counts = { received: 0, forwarded: 0, answered: 0, looped: 0, ignored: 0, refused: 0, failed: 0, retried: 0 };
  readonly #ids = new TransientMap<string, true>();

  /** Counts something; of sends with one id, which take effect once, only the first. */
  add(name: keyof BridgeCounters, id?: string): void {
    if (id === undefined || this.#isNew(id)) this.#counts[name] += 1;
  }

  get snapshot(): BridgeCounters {
    return { ...this.#counts };
  }

  #isNew(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.set(id, true);
    const [oldest] = this.#ids;
    if (oldest !== undefined && this.#ids.size > MOST_IDS) this.#ids.delete(oldest[0]);
    return true;
  }
}
