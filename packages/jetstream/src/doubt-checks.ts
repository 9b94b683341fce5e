/** Rounds that the timer starts take at most this part of the time, however many checks there are. */
const TIME_PART = 0.1;
const EVERY_MS = 5000;
/** An outage makes a round long, too. */
const MAX_REST_MS = 60_000;
const PARALLEL = 32;

/**
 * Checks that followers of feeds make whenever messages may have been lost: after a reconnect or an election at once, and every few seconds.
 * If a round takes long, because there are many followers, the timer's rounds are further apart.
 */
export class DoubtChecks {
  readonly #checks = new Set<() => Promise<void>>();
  readonly #closed: AbortSignal;
  #isRunning = false;
  #runAgain = false;
  /** When the timer may start a round, by `performance.now()`. */
  #restUntil = 0;

  /** @param closed ends all checks. */
  constructor(closed: AbortSignal) {
    this.#closed = closed;
    const timer = setInterval(() => {
      if (performance.now() >= this.#restUntil) void this.run();
    }, EVERY_MS);
    timer.unref();
    closed.addEventListener("abort", () => clearInterval(timer));
  }

  /** @param check must not reject. @returns how to end it. */
  add(check: () => Promise<void>): () => void {
    this.#checks.add(check);
    return () => void this.#checks.delete(check);
  }

  /** Runs all checks. A call during a round causes one more round. */
  async run(): Promise<void> {
    this.#runAgain = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#runAgain && !this.#closed.aborted) {
      this.#runAgain = false;
      const startedAt = performance.now();
      const checks = [...this.#checks].values();
      const worker = async (): Promise<void> => {
        for (const check of checks) await check();
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
      const endedAt = performance.now();
      this.#restUntil = endedAt + Math.min(MAX_REST_MS, (endedAt - startedAt) * (1 / TIME_PART - 1));
    }
    this.#isRunning = false;
  }
}
