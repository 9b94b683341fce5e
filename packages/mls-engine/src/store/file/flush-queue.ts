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

/** Decides when to flush: one flush at a time, shared by all who wait for it. The first failure is the last flush. */
export class FlushQueue {
  readonly #flush: (request: FlushRequest) => Promise<void>;
  readonly #limits: FlushLimits;
  #waiting: Deferred<void>[] = [];
  #compact = false;
  #unawaited = 0;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #running = false;
  #failure: { readonly error: unknown } | undefined;

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
      await this.#flushOnce(request);
      for (const done of waiting) {
        if (this.#failure === undefined) done.resolve();
        else done.reject(this.#failure.error);
      }
    }
    this.#running = false;
  }

  async #flushOnce(request: FlushRequest): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#flush(request);
    } catch (error) {
      this.#failure = { error };
    }
  }
}
