import { Throttle } from "@parley/core/internal";

/** What the event loop was held by, as far as can be told. */
export interface HeldLoop {
  /** For how long nothing else could run, in milliseconds. */
  readonly heldMs: number;
  /** Who was active since the loop was last free, the most active first. */
  readonly active: readonly { readonly account: string; readonly what: string; readonly count: number }[];
}

/** What a {@link Watchdog} is made with. */
export interface WatchdogOptions {
  /** Called when the event loop was held, at most once a second. */
  readonly onHeld: (held: HeldLoop) => void;
  /** Milliseconds from which on it is reported. Default 200. */
  readonly thresholdMs?: number;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

/** How often an account began work of one kind since a tick. */
interface Activity {
  readonly what: string;
  readonly account: string;
  count: number;
  tick: number;
}

const TICK_MS = 20;
const DEFAULT_THRESHOLD_MS = 200;
const REPORT_PAUSE_MS = 1000;
const MAX_REPORTED = 5;
/** Pairs of account and kind of work that are counted between two ticks. */
const MAX_COUNTED = 1000;

/** Finds out who was active when the event loop of a server was held, so that an operator can tell whose calls are too costly. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #now: () => number;
  readonly #throttle = new Throttle(REPORT_PAUSE_MS);
  /** What was counted since the last tick. */
  #counted: Activity[] = [];
  /** The counters of {@link Watchdog.note} since the last tick. */
  #noted = new Map<string, () => void>();
  #ticks = 0;
  readonly #timer: NodeJS.Timeout;
  #lastTick: number;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#lastTick = this.#now();
    this.#timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /**
   * Returns the function to call when work of this kind begins for an account: a call, or a frame. Keep it for as long as the account is
   * connected: it is called for every frame, so it takes no look-up.
   */
  counter(what: string, account: string): () => void {
    const activity: Activity = { what, account, count: 0, tick: -1 };
    return () => {
      if (activity.tick !== this.#ticks) {
        if (this.#counted.length >= MAX_COUNTED) return;
        activity.tick = this.#ticks;
        activity.count = 0;
        this.#counted.push(activity);
      }
      activity.count += 1;
    };
  }

  /** Work for an account begins. For work that takes longer than a look-up. */
  note(what: string, account: string): void {
    const key = `${what}\n${account}`;
    let count = this.#noted.get(key);
    if (count === undefined) {
      if (this.#noted.size >= MAX_COUNTED) return;
      this.#noted.set(key, (count = this.counter(what, account)));
    }
    count();
  }

  /** The event loop is free. Called by a timer. */
  tick(): void {
    const now = this.#now();
    const heldMs = Math.round(now - this.#lastTick - TICK_MS);
    this.#lastTick = now;
    if (heldMs >= (this.#options.thresholdMs ?? DEFAULT_THRESHOLD_MS))
      this.#throttle.run(() => this.#options.onHeld({ heldMs, active: this.#active() }));
    this.#counted = [];
    this.#noted = new Map();
    this.#ticks += 1;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #active(): HeldLoop["active"] {
    const sums = new Map<string, { account: string; what: string; count: number }>();
    for (const { account, what, count } of this.#counted) {
      const key = `${what}\n${account}`;
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { account, what, count });
      else sum.count += count;
    }
    return [...sums.values()].toSorted((left, right) => right.count - left.count).slice(0, MAX_REPORTED);
  }
}
