import { ChurnMap, TimeSlice } from "@parley/core/internal";

interface Waiting {
  readonly flushes: (() => void)[];
  next: number;
}

/**
 * Flushes the outboxes of a relay's streams at the end of each turn of the event loop. Accounts take turns, one stream each, and other work
 * runs in between: a delivery to many streams of one account does not delay the responses to other accounts.
 */
export class FlushQueue {
  readonly #byAccount = new ChurnMap<string, Waiting>();
  #running = false;

  /** Schedules one stream's flush. */
  add(account: string, flush: () => void): void {
    const waiting = this.#byAccount.get(account);
    if (waiting === undefined) this.#byAccount.set(account, { flushes: [flush], next: 0 });
    else waiting.flushes.push(flush);
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    const slice = new TimeSlice();
    while (this.#byAccount.size > 0) {
      for (const [account, waiting] of this.#byAccount) {
        waiting.flushes[waiting.next++]?.();
        if (waiting.next >= waiting.flushes.length) this.#byAccount.delete(account);
        if (slice.isOver) await slice.next();
      }
    }
    this.#running = false;
  }
}
