import { ParleyError, type TelemetrySpan } from "@parley/core";
import { backoffMs, deferred, sleep, type Deferred } from "@parley/core/internal";
import type { Envelope, EnvelopePort } from "@parley/envelope-and-adapters";

const BACKOFF = { initialMs: 50, maxMs: 5000 };

/** Options of a {@link RetryingSender}. */
export interface RetryingSenderOptions {
  /** Sends in flight at the same time. */
  readonly window: number;
  /** Aborts all sends; they reject with its reason. */
  readonly stop: AbortSignal;
  /** Called once when the port starts to reject sends temporarily, and again only after a send has succeeded. */
  onWaiting(cause: unknown): void;
  /** Called for each send that is retried. */
  onRetry(): void;
}

interface PendingSend {
  readonly envelope: Envelope;
  readonly id: string | undefined;
  /** The span that the send is a part of. */
  readonly span: TelemetrySpan | undefined;
  readonly result: Deferred<void>;
}

/**
 * Sends to one port in the order of the calls, several at a time. When a send fails with a retryable error, it waits for the other sends in
 * flight, backs off, and repeats all of them from the first that failed, with the same ids.
 */
export class RetryingSender {
  readonly port: EnvelopePort;
  readonly #options: RetryingSenderOptions;
  #waiting: PendingSend[] = [];
  /** In the order of the calls. */
  readonly #inFlight = new Set<PendingSend>();
  readonly #failed = new Set<PendingSend>();
  #attempts = 0;
  #capacityWaiters: (() => void)[] = [];

  constructor(port: EnvelopePort, options: RetryingSenderOptions) {
    this.port = port;
    this.#options = options;
    options.stop.addEventListener("abort", () => this.#notifyCapacity(), { once: true });
  }

  /**
   * Resolves when the port has accepted the envelope.
   *
   * @throws the port's error, if it is not retryable; the reason of `stop`
   */
  send(envelope: Envelope, id?: string, span?: TelemetrySpan): Promise<void> {
    const pending = { envelope, id, span, result: deferred<void>() };
    this.#waiting.push(pending);
    this.#advance();
    return pending.result.promise;
  }

  /** Resolves when the next send can start at once. Callers await it before each send, for back-pressure. */
  async waitForCapacity(): Promise<void> {
    while (!this.#options.stop.aborted && this.#waiting.length + this.#inFlight.size >= this.#options.window) {
      await new Promise<void>((resolve) => this.#capacityWaiters.push(resolve));
    }
  }

  #advance(): void {
    while (this.#failed.size === 0 && this.#inFlight.size < this.#options.window) {
      const pending = this.#waiting.shift();
      if (pending === undefined) return;
      this.#inFlight.add(pending);
      void this.#attempt(pending);
    }
  }

  async #attempt(pending: PendingSend): Promise<void> {
    const { envelope, id, span, result } = pending;
    const { stop } = this.#options;
    try {
      stop.throwIfAborted();
      const options = { signal: stop, ...(id !== undefined && { id }) };
      await (span === undefined ? this.port.send(envelope, options) : span.run(() => this.port.send(envelope, options)));
      this.#attempts = 0;
      this.#inFlight.delete(pending);
      result.resolve();
    } catch (error) {
      if (!stop.aborted && error instanceof ParleyError && error.retryable) {
        if (this.#failed.size === 0 && this.#attempts === 0) this.#options.onWaiting(error);
        this.#failed.add(pending);
      } else {
        this.#inFlight.delete(pending);
        result.reject(stop.aborted ? stop.reason : error);
      }
    }
    if (this.#failed.size > 0 && this.#failed.size === this.#inFlight.size) await this.#retry();
    this.#notifyCapacity();
    this.#advance();
  }

  /** Requeues everything that failed, in order, after the backoff. Called once no other send is in flight. */
  async #retry(): Promise<void> {
    const { stop, onRetry } = this.#options;
    this.#attempts += 1;
    await sleep(backoffMs(this.#attempts, BACKOFF), stop);
    this.#waiting = [...this.#inFlight, ...this.#waiting];
    this.#inFlight.clear();
    this.#failed.forEach(() => onRetry());
    this.#failed.clear();
    if (!stop.aborted) return;
    for (const { result } of this.#waiting) result.reject(stop.reason);
    this.#waiting = [];
  }

  #notifyCapacity(): void {
    const waiters = this.#capacityWaiters;
    this.#capacityWaiters = [];
    for (const resolve of waiters) resolve();
  }
}
