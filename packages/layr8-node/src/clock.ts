import type { SteadyClock } from "@parley/storage";

/** The clocks of a node. The wall clock can jump at any time, so code that waits, retries or expires uses only these. */
export interface Clock {
  /** Milliseconds since an arbitrary start, never adjusted. For waits, silence and retries. */
  monotonic(): number;
  /** Milliseconds since 1970. Decides whether messages and DIDs have expired. Doesn't follow a wall clock that jumps ahead. */
  expiry(): number;
  /**
   * Milliseconds since 1970. Start of a lifetime whose length the node chooses. In addition, doesn't follow a wall clock that is set back.
   */
  lifetimeStart(): number;
}

/** Implements {@link Clock} with a {@link SteadyClock}, which rejects jumps of the wall clock. */
export class NodeClock implements Clock {
  readonly #steady: Pick<SteadyClock, "now">;
  readonly #monotonic: () => number;
  /** The latest time returned, and the monotonic time of that call. */
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

/** The default clock of components that run without a node, such as in tests. */
export function systemClock(): Clock {
  return new NodeClock({ now: () => Date.now() });
}
