import { deferred, type Deferred } from "@parley/core/internal";

/** The options of a flush. */
export interface FlushRequest {
  /** Whether a caller waits for the erasure of replaced secrets. */
  readonly compact: boolean;
}

/** When a queue flushes without a caller that waits. */
export interface FlushLimits {
  /** Milliseconds from a non-durable write to its flush. */
  readonly delayMs: number;
  /** Non-durable writes that cause an immediate flush. */
  readonly writes: number;
}

/** Milliseconds from a failed flush to the next attempt, if no write causes an earlier one. */
const RETRY_MS = 1000;

/**
 * Schedules flushes: one at a time, shared by all callers that wait for it. A failed flush rejects their promises, and is repeated with the next
 * write or after a second.
 */
export class FlushQueue {
  readonly #flush: (request: FlushRequest) => Promise<void>;
  readonly #limits: FlushLimits;
  #waiting: Deferred<void>[] = [];
  #compact = false;
  #unawaited = 0;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #running = false;
  #isStopped = false;

  constructor(flush: (request: FlushRequest) => Promise<void>, limits: FlushLimits) {
    this.#flush = flush;
    this.#limits = limits;
  }

  /** Resolves when all writes before this call are durable. */
  flushed(request: FlushRequest = { compact: false }): Promise<void> {
    const done = deferred<void>();
    this.#waiting.push(done);
    this.#compact ||= request.compact;
    this.#start();
    return done.promise;
  }

  /** Called after a non-durable write. */
  wrote(): void {
    this.#unawaited += 1;
    if (this.#unawaited >= this.#limits.writes) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#limits.delayMs);
  }

  /** Stops scheduled flushes. Later ones happen only on {@link FlushQueue.flushed}. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Writes of the same turn share the flush.
    await Promise.resolve();
    while (this.#due) {
      this.#due = false;
      this.#unawaited = 0;
      const request = { compact: this.#compact };
      this.#compact = false;
      const waiting = this.#waiting.splice(0);
      try {
        await this.#flush(request);
        for (const done of waiting) done.resolve();
      } catch (error) {
        for (const done of waiting) done.reject(error);
        this.#retryLater();
      }
    }
    this.#running = false;
  }

  #retryLater(): void {
    if (this.#isStopped) return;
    this.#timer ??= setTimeout(() => this.#start(), RETRY_MS).unref();
  }
}
