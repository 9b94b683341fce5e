import { deferred, type Deferred } from "@parley/core/internal";

/** What a flush is to do besides making everything durable. */
export interface FlushRequest {
  /** Whether somebody waits for replaced secrets to be gone. */
  readonly compact: boolean;
}

/** When a queue flushes by itself. */
export interface FlushLimits {
  /** Milliseconds after a write that nobody waits for. */
  readonly delayMs: number;
  /** Writes that nobody waits for. */
  readonly writes: number;
}

/** How long after a failed flush the next one is tried, in milliseconds, if no write asks for one earlier. */
const RETRY_MS = 1000;

/**
 * Decides when to flush: one flush at a time, shared by all callers that wait for it. A failed flush rejects those, and is repeated with the
 * next write or after a second.
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

  /** Resolves once everything is durable that was written before this call. */
  flushed(request: FlushRequest = { compact: false }): Promise<void> {
    const done = deferred<void>();
    this.#waiting.push(done);
    this.#compact ||= request.compact;
    this.#start();
    return done.promise;
  }

  /** Something was written that nobody waits for. */
  wrote(): void {
    this.#unawaited += 1;
    if (this.#unawaited >= this.#limits.writes) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#limits.delayMs);
  }

  /** Nothing is flushed any more but what is asked for with {@link FlushQueue.flushed}. */
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
    // What is written in the same turn shares the flush.
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
