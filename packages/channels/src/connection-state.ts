import type { ParleyError } from "@parley/core";
import { TransportError } from "./errors.ts";

/** Options of {@link ConnectionState}. */
export interface ConnectionOptions {
  /** URL of the relay, for error messages and warnings. */
  readonly relay: string;
  /** Default timeout of the calls that wait for the relay, in milliseconds. */
  readonly timeoutMs: number;
  readonly onWarning: (warning: string) => void;
}

/** How long the connection is missing before a warning, in milliseconds. */
const WARN_AFTER_MS = 5000;

/** The state of an agent's relay connection. Emits one warning per outage of more than {@link WARN_AFTER_MS}. */
export class ConnectionState {
  /** Default timeout of the calls that wait for the relay, in milliseconds. */
  readonly timeoutMs: number;
  readonly #options: ConnectionOptions;
  #isUp = false;
  /** Start of the outage; `undefined` while connected, or before the connection is needed. */
  #missingSince: Date | undefined;
  #reason: Error | undefined;
  #warning: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.timeoutMs = options.timeoutMs;
  }

  /** Whether the relay is connected. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Called when a call needs the connection. Idempotent. */
  wanted(): void {
    if (this.#isUp || this.#missingSince !== undefined) return;
    this.#missingSince = new Date();
    this.#warning = setTimeout(() => this.#warn(), WARN_AFTER_MS).unref();
  }

  up(): void {
    this.#isUp = true;
    this.#clear();
  }

  /** The connection was lost, or could not be opened. After an error that is not retryable, calls fail immediately, without another attempt. */
  down(reason: ParleyError): void {
    this.#isUp = false;
    if (!reason.retryable) return this.#clear();
    this.#reason = reason;
    this.wanted();
  }

  close(): void {
    this.#clear();
  }

  /** The error for a call without a connection. @param effect the consequence for the call. */
  missing(effect: string): TransportError {
    const { relay } = this.#options;
    const options = this.#reason === undefined ? {} : { cause: this.#reason };
    return new TransportError("connection_error", `no connection to the relay at ${relay}${this.#details()}; ${effect}`, options);
  }

  /** The error for a call that timed out. @param effect the consequence for the call. */
  timedOut(timeoutMs: number, effect: string): TransportError {
    if (!this.#isUp) return this.missing(`gave up after ${timeoutMs} ms; ${effect}`);
    return new TransportError("timeout", `the relay at ${this.#options.relay} did not answer within ${timeoutMs} ms; ${effect}`);
  }

  #clear(): void {
    clearTimeout(this.#warning);
    this.#missingSince = undefined;
    this.#reason = undefined;
  }

  #details(): string {
    const since = this.#missingSince === undefined ? "" : ` since ${this.#missingSince.toISOString()}`;
    return this.#reason === undefined ? since : `${since} (${this.#reason.message})`;
  }

  #warn(): void {
    const { relay, timeoutMs, onWarning } = this.#options;
    const waiting = `send() and other calls wait for it, by default for ${timeoutMs} ms each`;
    onWarning(`no connection to the relay at ${relay}${this.#details()}; ${waiting}`);
  }
}
