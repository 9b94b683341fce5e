import { setImmediate } from "node:timers/promises";
import { readDurationMs, rejectUnknownOptions } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { BoundedQueue, type BufferLimits } from "./bounded-queue.ts";
import { errorReporter } from "./error-reporter.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import type { Protocol } from "../protocol.ts";

/** Options for receiving messages. */
export interface TakeOptions {
  /** Maximum wait for the first message, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /** The same in seconds, as in the Python SDK. */
  readonly timeout?: number;
  /** Stops waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

interface MailboxOptions<T> extends BufferLimits {
  readonly protocol: Protocol;
  /** Reads an envelope; `undefined` if it is for another recipient. If it throws, the error is reported and the envelope skipped. */
  read(received: ReceivedEnvelope): T | undefined;
  readonly onError: ((error: Error) => void) | undefined;
}

const TAKE_OPTIONS = ["timeoutMs", "timeout", "signal"];
const DEFAULT_TIMEOUT_MS = 5000;

/** Buffers the messages of one protocol from a port until they are taken. When full, it drops the oldest. */
export class Mailbox<T> {
  readonly #options: MailboxOptions<T>;
  readonly #port: EnvelopePort;
  readonly #stop = new AbortController();
  readonly #messages: BoundedQueue<T>;
  readonly #report: (error: unknown) => void;
  #waiting = new Set<() => void>();
  #ended: { readonly error: Error } | undefined;

  constructor(port: EnvelopePort, options: MailboxOptions<T>) {
    this.#options = options;
    this.#port = port;
    this.#messages = new BoundedQueue(options);
    this.#report = errorReporter(options.onError);
    void this.#pump(port.receive({ protocol: options.protocol, signal: this.#stop.signal }));
  }

  /**
   * Takes all messages that were acknowledged to their senders before this call. Waits for one if necessary; returns an empty list after the timeout.
   *
   * @throws the error that ended the port, once all messages were taken
   */
  async take(options: TakeOptions): Promise<T[]> {
    rejectUnknownOptions(options, TAKE_OPTIONS);
    const timeoutMs = readDurationMs(options, { ms: "timeoutMs", seconds: "timeout" }, DEFAULT_TIMEOUT_MS);
    const { signal } = options;
    signal?.throwIfAborted();
    const deadline = performance.now() + timeoutMs;
    if (timeoutMs > 0 && this.#ended === undefined) {
      await this.#port.caughtUp?.({ timeoutMs, ...(signal !== undefined && { signal }) });
      // Lets the iteration read its buffer.
      await setImmediate();
      signal?.throwIfAborted();
    }
    // Another call can have taken the message that resolved the wait.
    for (
      let left = deadline - performance.now();
      left > 0 && this.#messages.size === 0 && this.#ended === undefined;
      left = deadline - performance.now()
    ) {
      await this.#arrival(left, signal);
      signal?.throwIfAborted();
    }
    const messages = this.#messages.clear();
    if (messages.length === 0 && this.#ended !== undefined) throw this.#ended.error;
    return messages;
  }

  close(): void {
    this.#stop.abort();
  }

  #arrival(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal?.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
    });
  }

  async #pump(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    let error: Error = new AdapterError("closed", "The channel is closed");
    try {
      for await (const received of inbound) this.#receive(received);
    } catch (failure) {
      error = failure instanceof Error ? failure : new AdapterError("closed", "The port failed", { cause: failure });
    }
    this.#ended = { error };
    this.#wake();
  }

  #receive(received: ReceivedEnvelope): void {
    let message: T | undefined;
    try {
      message = this.#options.read(received);
    } catch (error) {
      this.#report(error);
      return;
    }
    if (message === undefined) return;
    const bytes = received.envelope.payload.length;
    while (this.#messages.isFull(bytes)) {
      this.#messages.shift();
      this.#report(new AdapterError("overflow", "The buffer is full: the oldest message was dropped"));
    }
    this.#messages.push(message, bytes);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
