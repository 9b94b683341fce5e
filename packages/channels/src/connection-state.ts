import type { ParleyError } from "@parley/core";
import { TransportError } from "./errors.ts";

/** Options of {@link ConnectionState}. */
export interface ConnectionOptions {
  /** URL of the relay, for errors and warnings. */
  readonly relay: string;
  /** Default timeout of the calls that wait for the relay, in milliseconds. */
  readonly timeoutMs: number;
  readonly onWarning: (warning: string) => void;
}

/** How long the connection may be missing before that is worth a warning, in milliseconds. */
const WARN_AFTER_MS = 5000;

/** The state of an agent's connection to its relay. Warns once each time that it is missing for long. */
export class ConnectionState {
  /** Default timeout of the calls that wait for the relay, in milliseconds. */
  readonly timeoutMs: number;
  readonly #options: ConnectionOptions;
  #isUp = false;
  /** Since when it is missing though it is wanted. */
  #missingSince: Date | undefined;
  #reason: Error | undefined;
  #warning: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.timeoutMs = options.timeoutMs;
  }

  /** Whether it is up now. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Called when the connection is needed first. Idempotent. */
  wanted(): void {
    if (this.#isUp || this.#missingSince !== undefined) return;
    this.#missingSince = new Date();
    this.#warning = setTimeout(() => this.#warn(), WARN_AFTER_MS).unref();
  }

  up(): void {
    this.#isUp = true;
    this.#clear();
  }

  /** It is lost, or could not be opened. When the error isn't retryable there will be no other attempt, and calls fail with it at once. */
  down(reason: ParleyError): void {
    this.#isUp = false;
    if (!reason.retryable) return this.#clear();
    this.#reason = reason;
    this.wanted();
  }

  close(): void {
    this.#clear();
  }

  /** The error of a call that needs a connection and has none. @param effect the consequence for the call. */
  missing(effect: string): TransportError {
    const { relay } = this.#options;
    const options = this.#reason === undefined ? {} : { cause: this.#reason };
    return new TransportError("connection_error", `no connection to the relay at ${relay}${this.#details()}; ${effect}`, options);
  }

  /** The error of a call whose timeout has passed. @param effect the consequence for the call. */
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
