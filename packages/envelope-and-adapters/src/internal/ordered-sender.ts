import { ParleyError } from "@parley/core";
import { backoffMs, Mutex, sleep } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import type { Envelope } from "../envelope.ts";
import type { EnvelopePort } from "../port.ts";

const MAX_WAITING = 1024;
const BACKOFF = { initialMs: 100, maxMs: 2000 };

/** Sends envelopes one after the other, and retries each while the port reports retryable errors. */
export class OrderedSender {
  readonly #port: EnvelopePort;
  readonly #stop: AbortSignal;
  readonly #mutex = new Mutex();
  #waiting = 0;

  /** @param stop aborts all sends; they reject with its reason */
  constructor(port: EnvelopePort, stop: AbortSignal) {
    this.#port = port;
    this.#stop = stop;
  }

  /**
   * Resolves when the port has accepted the envelope.
   *
   * @throws AdapterError `overflow`
   * @throws the port's error, if it is not retryable
   */
  send(envelope: Envelope): Promise<void> {
    if (this.#waiting >= MAX_WAITING)
      return Promise.reject(new AdapterError("overflow", `More than ${MAX_WAITING} messages wait to be sent`));
    this.#waiting += 1;
    return this.#mutex.run(() => this.#sendWithRetry(envelope)).finally(() => (this.#waiting -= 1));
  }

  async #sendWithRetry(envelope: Envelope): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#port.send(envelope, { signal: this.#stop });
        return;
      } catch (error) {
        this.#stop.throwIfAborted();
        if (!(error instanceof ParleyError) || !error.retryable) throw error;
        await sleep(backoffMs(attempt, BACKOFF), this.#stop);
      }
    }
  }
}
