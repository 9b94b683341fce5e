import { backoffMs } from "@parley/core/internal";

/** Pauses before a channel is opened again: the first one, and the longest, in milliseconds. */
const PAUSES = { initialMs: 1000, maxMs: 30_000 };

interface Failure {
  /** Failures in a row. */
  attempts: number;
  /** When the channel was opened again last, on a monotonic clock. */
  openedAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** Opens channels again whose data could not be written, although nobody calls: an agent that only listens or admits others makes no call. */
export class StorageRecovery {
  readonly #open: (channel: string) => Promise<unknown>;
  readonly #failures = new Map<string, Failure>();
  #isClosed = false;

  /** @param open opens a channel again if its data could not be written. */
  constructor(open: (channel: string) => Promise<unknown>) {
    this.#open = open;
  }

  /** A channel has ended, since its data could not be written. */
  failed(channel: string): void {
    const failure = this.#failures.get(channel) ?? { attempts: 0, openedAt: 0, timer: undefined };
    if (this.#isClosed || failure.timer !== undefined) return;
    this.#failures.set(channel, failure);
    // One that goes on for a while has recovered.
    failure.attempts = performance.now() - failure.openedAt > 2 * PAUSES.maxMs ? 1 : failure.attempts + 1;
    failure.timer = setTimeout(() => void this.#recover(channel, failure), backoffMs(failure.attempts, PAUSES)).unref();
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#failures.values()) clearTimeout(timer);
    this.#failures.clear();
  }

  async #recover(channel: string, failure: Failure): Promise<void> {
    failure.openedAt = performance.now();
    try {
      await this.#open(channel);
      failure.timer = undefined;
    } catch {
      failure.timer = undefined;
      this.failed(channel);
    }
  }
}
