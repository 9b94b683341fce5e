import { deferred, sleep } from "@parley/core/internal";

const INTERVAL_MS = 100;
const MAX_INTERVALS = 20;

/**
 * Waits until the source has redelivered the calls from before a restart: for an interval without a new one. Answers of the target wait for it,
 * because they can be delivered before the calls that they belong to.
 */
export class CatchUp {
  readonly #done = deferred<void>();
  #arrived = 0;

  /** Resolves when all redelivered calls have arrived, after two seconds at the latest. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Called for each message of the source. */
  arrived(): void {
    this.#arrived += 1;
  }

  async start(signal: AbortSignal): Promise<void> {
    for (let interval = 0, before = -1; interval < MAX_INTERVALS && before !== this.#arrived; interval++) {
      before = this.#arrived;
      await sleep(INTERVAL_MS, signal);
    }
    this.#done.resolve();
  }

  stop(): void {
    this.#done.resolve();
  }
}
