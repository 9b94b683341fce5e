import { ParleyError } from "@parley/core";
import { backoffMs, deferred, sleep, type Deferred } from "@parley/core/internal";
import type { Envelope, EnvelopePort } from "@parley/envelope-and-adapters";

const BACKOFF = { initialMs: 50, maxMs: 5000 };

/** What an {@link Outlet} needs to know. */
export interface OutletOptions {
  /** Sends under way at the same time. */
  readonly window: number;
  /** Gives up, with its reason, when it fires. */
  readonly stop: AbortSignal;
  /** The port does not take messages for now. Called once until it does again. */
  onWaiting(cause: unknown): void;
  /** A send is tried once more. */
  onRetry(): void;
}

interface Parcel {
  readonly envelope: Envelope;
  readonly id: string | undefined;
  readonly taken: Deferred<void>;
}

/**
 * Sends to one port in the order of the calls, several at a time, and again under the same id as long as the port says that it may succeed
 * later: then it waits for the sends under way, and goes on from the first that failed.
 */
export class Outlet {
  readonly port: EnvelopePort;
  readonly #options: OutletOptions;
  #waiting: Parcel[] = [];
  /** In the order of their calls. */
  readonly #flying = new Set<Parcel>();
  readonly #failed = new Set<Parcel>();
  #attempts = 0;
  #roomFor: (() => void)[] = [];

  constructor(port: EnvelopePort, options: OutletOptions) {
    this.port = port;
    this.#options = options;
    options.stop.addEventListener("abort", () => this.#makeRoom(), { once: true });
  }

  /** Resolves when the port has taken it. @throws what the port says that won't change; the reason of `stop`. */
  send(envelope: Envelope, id?: string): Promise<void> {
    const parcel = { envelope, id, taken: deferred<void>() };
    this.#waiting.push(parcel);
    this.#advance();
    return parcel.taken.promise;
  }

  /** Resolves when a send would be under way at once; await it before each. */
  async room(): Promise<void> {
    while (!this.#options.stop.aborted && this.#waiting.length + this.#flying.size >= this.#options.window) {
      await new Promise<void>((resolve) => this.#roomFor.push(resolve));
    }
  }

  #advance(): void {
    while (this.#failed.size === 0 && this.#flying.size < this.#options.window) {
      const parcel = this.#waiting.shift();
      if (parcel === undefined) return;
      this.#flying.add(parcel);
      void this.#attempt(parcel);
    }
  }

  async #attempt(parcel: Parcel): Promise<void> {
    const { envelope, id, taken } = parcel;
    const { stop } = this.#options;
    try {
      stop.throwIfAborted();
      await this.port.send(envelope, { signal: stop, ...(id !== undefined && { id }) });
      this.#attempts = 0;
      this.#flying.delete(parcel);
      taken.resolve();
    } catch (error) {
      if (!stop.aborted && error instanceof ParleyError && error.retryable) {
        if (this.#failed.size === 0 && this.#attempts === 0) this.#options.onWaiting(error);
        this.#failed.add(parcel);
      } else {
        this.#flying.delete(parcel);
        taken.reject(stop.aborted ? stop.reason : error);
      }
    }
    if (this.#failed.size > 0 && this.#failed.size === this.#flying.size) await this.#startOver();
    this.#makeRoom();
    this.#advance();
  }

  async #startOver(): Promise<void> {
    const { stop, onRetry } = this.#options;
    this.#attempts += 1;
    await sleep(backoffMs(this.#attempts, BACKOFF), stop);
    this.#waiting = [...this.#flying, ...this.#waiting];
    this.#flying.clear();
    this.#failed.forEach(() => onRetry());
    this.#failed.clear();
    if (!stop.aborted) return;
    for (const { taken } of this.#waiting) taken.reject(stop.reason);
    this.#waiting = [];
  }

  #makeRoom(): void {
    const resolvers = this.#roomFor;
    this.#roomFor = [];
    for (const resolve of resolvers) resolve();
  }
}
