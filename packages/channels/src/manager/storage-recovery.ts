import { backoffMs } from "@parley/core/internal";

/** Pauses before a channel is reopened: the first and the longest, in milliseconds. */
const PAUSES = { initialMs: 1000, maxMs: 30_000 };

interface Failure {
  /** Failures in a row. */
  attempts: number;
  /** When the channel was last reopened, on a monotonic clock. */
  openedAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** Reopens channels that ended because a write failed. Needed for agents that only listen or approve joins, and so make no call. */
export class StorageRecovery {
  readonly #open: (channel: string) => Promise<unknown>;
  readonly #failures = new Map<string, Failure>();
  #isClosed = false;

  /** @param open reopens a channel that ended because a write failed. */
  constructor(open: (channel: string) => Promise<unknown>) {
    this.#open = open;
  }

  /** A channel ended because a write failed. */
  failed(channel: string): void {
    const failure = this.#failures.get(channel) ?? { attempts: 0, openedAt: 0, timer: undefined };
    if (this.#isClosed || failure.timer !== undefined) return;
    this.#failures.set(channel, failure);
    // A channel that stayed open for a while has recovered.
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
