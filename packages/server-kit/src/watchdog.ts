import { Throttle } from "@parley/core/internal";

/** Reports that the event loop was blocked, with the accounts that were active in that time. */
export interface HeldLoop {
  /** How long the event loop was blocked, in milliseconds. */
  readonly heldMs: number;
  /** The accounts and kinds of work that were active since the last tick, the most active first. */
  readonly active: readonly { readonly account: string; readonly what: string; readonly count: number }[];
}

/** Options of {@link Watchdog}. */
export interface WatchdogOptions {
  /** Called when the event loop was blocked, at most once a second. */
  readonly onHeld: (held: HeldLoop) => void;
  /** Shortest blocking time that is reported, in milliseconds. Default 200. */
  readonly thresholdMs?: number;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

/** How often an account started work of one kind since a tick. */
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

/** Reports which accounts were active while a server's event loop was blocked, so that an operator can find the calls that cost too much. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #now: () => number;
  readonly #throttle = new Throttle(REPORT_PAUSE_MS);
  /** Activities counted since the last tick. */
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
   * Returns the function to call when work of this kind begins for an account: a call or a frame. Keep it for as long as the account is
   * connected. It is called for every frame and therefore needs no look-up.
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

  /** Counts the start of work for an account, with a look-up: for work that costs more than that, such as a call of the API. */
  note(what: string, account: string): void {
    const key = `${what}\n${account}`;
    let count = this.#noted.get(key);
    if (count === undefined) {
      if (this.#noted.size >= MAX_COUNTED) return;
      this.#noted.set(key, (count = this.counter(what, account)));
    }
    count();
  }

  /** Measures how long the event loop was blocked since the last tick. Called by a timer, every 20 ms. */
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
