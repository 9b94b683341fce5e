import type { SteadyClock } from "@parley/storage";

/** The times that a node goes by. The wall clock may jump at any time, so nothing but these decides what is waited for, retried or removed. */
export interface Clock {
  /** Milliseconds that advance at the pace of time from an arbitrary start: for waits, silence and retries. */
  monotonic(): number;
  /** Milliseconds since 1970 by which messages and DIDs expire. Does not follow a wall clock that jumps ahead. */
  expiry(): number;
  /** Milliseconds since 1970 at which a life begins whose end the node decides on. Does not follow a wall clock that is set back either. */
  lifetimeStart(): number;
}

/** A node's clock on top of the one that decides what expires. */
export class NodeClock implements Clock {
  readonly #steady: Pick<SteadyClock, "now">;
  readonly #monotonic: () => number;
  /** The latest time so far, and when that was. */
  #latest: { readonly time: number; readonly at: number };

  /** @param monotonic for tests. */
  constructor(steady: Pick<SteadyClock, "now">, monotonic: () => number = () => performance.now()) {
    this.#steady = steady;
    this.#monotonic = monotonic;
    this.#latest = { time: steady.now(), at: monotonic() };
  }

  monotonic(): number {
    return this.#monotonic();
  }

  expiry(): number {
    return this.#steady.now();
  }

  lifetimeStart(): number {
    const at = this.#monotonic();
    const continued = this.#latest.time + at - this.#latest.at;
    const time = Math.max(this.#steady.now(), continued);
    if (time > continued) this.#latest = { time, at };
    return time;
  }
}

/** The clock of parts that are used without a node. */
export function systemClock(): Clock {
  return new NodeClock({ now: () => Date.now() });
}
