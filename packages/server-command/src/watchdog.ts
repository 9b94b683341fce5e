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
  readonly #counts = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #lastTick: number;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#lastTick = this.#now();
    this.#timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Work for an account begins: a call or a frame. */
  note(what: string, account: string): void {
    const key = `${what}\n${account}`;
    const count = this.#counts.get(key);
    if (count !== undefined || this.#counts.size < MAX_COUNTED) this.#counts.set(key, (count ?? 0) + 1);
  }

  /** The event loop is free. Called by a timer. */
  tick(): void {
    const now = this.#now();
    const heldMs = Math.round(now - this.#lastTick - TICK_MS);
    this.#lastTick = now;
    if (heldMs >= (this.#options.thresholdMs ?? DEFAULT_THRESHOLD_MS))
      this.#throttle.run(() => this.#options.onHeld({ heldMs, active: this.#active() }));
    this.#counts.clear();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #active(): HeldLoop["active"] {
    return [...this.#counts]
      .toSorted(([, left], [, right]) => right - left)
      .slice(0, MAX_REPORTED)
      .map(([key, count]) => {
        const [what = "", account = ""] = key.split("\n");
        return { account, what, count };
      });
  }
}
