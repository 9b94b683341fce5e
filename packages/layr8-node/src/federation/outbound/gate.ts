import { Fifo, backoffMs, deferred, type Deferred } from "@parley/core/internal";
import type { Slots } from "./slots.ts";

type Turn = Deferred<Permit | undefined>;

/** How a gate behaves. */
export interface GateOptions {
  /** Most who are through at the same time. */
  readonly maxActive: number;
  /** First wait after failures; doubles, with jitter, up to `maxRetryMs`. Milliseconds. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** What all gates of one kind share. */
  readonly slots: Slots;
  /** The gates of one kind that are closed just now: each one puts itself in, and takes itself out. */
  readonly closed: Set<Gate>;
}

/** How a host failed: it gave no answer at all, or it answered that it can't just now. */
export type Failure = "silent" | "answered";

/** A turn at a gate. It ends with the first call of one of its methods; later ones do nothing. */
export interface Permit {
  /** The host answered as a host in good health does. */
  ok(): void;
  /**
   * The host failed.
   *
   * @param retryAfterMs how long it asked to be left alone.
   * @returns whether the gate is closed, so that entering it again is all the waiting that is needed.
   */
  failed(failure: Failure, retryAfterMs?: number): boolean;
  /** Nothing was learnt. */
  release(): void;
}

/** Failures in a row that close a gate, by weight. */
const CLOSES_AT = 8;
const WEIGHT: Readonly<Record<Failure, number>> = { silent: 4, answered: 1 };
/** How long a gate that nobody uses is kept, as a multiple of its longest wait. */
const MEMORY = 5;
/** A closed gate lets through no more than one in this time, whatever is heard of its host, in milliseconds. */
const HINT_MS = 1000;

/**
 * Who may ask one host, and when: a few at a time, in turns, starting with one and doubling with each success.
 *
 * One failure is the failed message's own affair, so that a message that a host chokes on does not hold up the others. Failures in a row
 * close the gate: then a single one is let through as a probe, now and then, first of all one that has not failed yet. A success opens it
 * for all at once; a sign of life of the host brings the next probe forward. Failures of those that were through when it closed are the same bad moment, and count no more.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #fresh = new Fifo<Turn>();
  readonly #again = new Fifo<Turn>();
  #active = 0;
  #limit = 1;
  #weight = 0;
  /** Times that it was closed since the last success. */
  #closings = 0;
  #opensAt = 0;
  /** Not even a sign of life lets anybody through before. */
  #shutUntil = 0;
  #usedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Those who wait for a host that failed. */
  get blocked(): number {
    return this.#closings === 0 ? 0 : this.#fresh.size + this.#again.size;
  }

  /** Whether nobody has used it for long. */
  get idle(): boolean {
    const { now, maxRetryMs } = this.#options;
    if (this.#active + this.#fresh.size + this.#again.size > 0) return false;
    return now() > Math.max(this.#usedAt, this.#opensAt) + MEMORY * maxRetryMs;
  }

  /**
   * Waits for a turn.
   *
   * @param again whether the last attempt failed.
   * @returns `undefined` once the gate has ended.
   */
  enter(again: boolean): Promise<Permit | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    const turn = deferred<Permit | undefined>();
    (again ? this.#again : this.#fresh).push(turn);
    this.serve();
    return turn.promise;
  }

  /** Lets through whoever may go. */
  serve(): void {
    const { now, slots } = this.#options;
    for (;;) {
      const turns = this.#nextTurns();
      if (turns.size === 0 || this.#active >= this.#limit) return;
      const waitMs = this.#opensAt - now();
      if (waitMs > 0) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.serve();
        }, waitMs);
        return;
      }
      if (!slots.take(this)) return;
      this.#active += 1;
      turns.shift()?.resolve(this.#permit());
    }
  }

  /** The host was heard of. */
  hint(): void {
    if (this.#closings === 0 || this.#shutUntil >= this.#opensAt) return;
    this.#opensAt = this.#shutUntil;
    this.#stopTimer();
    this.serve();
  }

  /** Sends everybody away. */
  end(): void {
    this.#ended = true;
    this.#options.closed.delete(this);
    clearTimeout(this.#timer);
    for (const turns of [this.#fresh, this.#again]) {
      while (turns.size > 0) turns.shift()?.resolve(undefined);
    }
  }

  #nextTurns(): Fifo<Turn> {
    const [first, second] = this.#closings > 0 ? [this.#fresh, this.#again] : [this.#again, this.#fresh];
    return first.size > 0 ? first : second;
  }

  #permit(): Permit {
    const closings = this.#closings;
    let over = false;
    const leave = (): void => {
      if (over) return;
      over = true;
      this.#active -= 1;
      this.#usedAt = this.#options.now();
      this.#options.slots.give();
      this.serve();
    };
    return {
      release: leave,
      ok: () => {
        if (over) return;
        this.#weight = 0;
        this.#closings = 0;
        this.#opensAt = 0;
        this.#options.closed.delete(this);
        this.#stopTimer();
        this.#limit = Math.min(this.#options.maxActive, this.#limit * 2);
        leave();
      },
      failed: (failure, retryAfterMs = 0) => {
        if (!over && closings === this.#closings) this.#strike(WEIGHT[failure], retryAfterMs);
        const closed = this.#closings > 0;
        leave();
        return closed;
      },
    };
  }

  #strike(weight: number, retryAfterMs: number): void {
    const { now, retryMs, maxRetryMs } = this.#options;
    this.#weight += weight;
    if (this.#closings === 0 && this.#weight < CLOSES_AT) return;
    this.#closings += 1;
    this.#options.closed.add(this);
    this.#limit = 1;
    this.#opensAt = now() + Math.max(retryAfterMs, backoffMs(this.#closings, { initialMs: retryMs, maxMs: maxRetryMs }));
    this.#shutUntil = now() + Math.max(retryAfterMs, HINT_MS);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
