import { ChurnMap } from "@parley/core/internal";

/** Numbers of messages that a bridge has processed since its start. */
export interface BridgeCounters {
  /** Envelopes of the bridge's protocols that arrived, from either end. */
  readonly received: number;
  /** Messages forwarded to the target, each counted once. */
  readonly forwarded: number;
  /** Answers sent to the source, errors included; at most one for each request. */
  readonly answered: number;
  /** Messages not forwarded because they had been at the target already. */
  readonly looped: number;
  /** Messages that this bridge does not handle: calls between other parties, unsolicited messages of agents, notifications. */
  readonly ignored: number;
  /** Messages skipped with an error because they are malformed, too large or untranslatable. */
  readonly refused: number;
  /** Messages skipped with an error because a port rejected them. */
  readonly failed: number;
  /** Sends that were retried. */
  readonly retried: number;
}

const MAX_REMEMBERED_IDS = 4096;

/** The counters of one bridge. */
export class Counters {
  readonly #counts = { received: 0, forwarded: 0, answered: 0, looped: 0, ignored: 0, refused: 0, failed: 0, retried: 0 };
  readonly #ids = new ChurnMap<string, true>();

  /** Increments a counter. Of several calls with one id, only the first counts: ports accept such sends once. */
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
    if (oldest !== undefined && this.#ids.size > MAX_REMEMBERED_IDS) this.#ids.delete(oldest[0]);
    return true;
  }
}
