import { ParleyError } from "@parley/core";
import { describeThrown, signalWithin } from "@parley/core/internal";
import { RelayError } from "./relay-error.ts";

/**
 * Gives a token for the relay: a JWT from `POST /v1/tokens` of the API server. Called when one is needed, when the last one will soon be
 * void, and when the relay refused it. What it throws is tried again later, unless it is a ParleyError that isn't `retryable`.
 */
export type TokenProvider = (options: { readonly signal: AbortSignal }) => string | Promise<string>;

/** Bytes of a header that servers take for sure. */
const MAX_TOKEN_LENGTH = 7 * 1024;

/** Holds the current token, and asks the provider once for what several need at once. */
export class TokenSource {
  readonly #provider: TokenProvider;
  readonly #timeoutMs: number;
  readonly #closed: AbortSignal;
  #current: string | undefined;
  #asking: Promise<string> | undefined;

  constructor(provider: TokenProvider, timeoutMs: number, closed: AbortSignal) {
    this.#provider = provider;
    this.#timeoutMs = timeoutMs;
    this.#closed = closed;
  }

  /**
   * @param refused a token that must not be given again.
   * @throws RelayError `timeout`, `unauthenticated`, `unavailable`; ParleyErrors of the provider.
   */
  get(refused?: string): Promise<string> {
    if (this.#current !== undefined && this.#current !== refused) return Promise.resolve(this.#current);
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const signal = signalWithin(this.#timeoutMs, this.#closed);
    const token = await Promise.race([this.#provide(signal), rejectsWith(signal, this.#closed)]);
    if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token) || token.length > MAX_TOKEN_LENGTH) {
      throw new RelayError("unauthenticated", "The token provider gave no token that a header can carry");
    }
    this.#current = token;
    return token;
  }

  async #provide(signal: AbortSignal): Promise<string> {
    try {
      return await this.#provider({ signal });
    } catch (error) {
      if (error instanceof ParleyError) throw error;
      throw new RelayError("unavailable", `The function that gives tokens failed: ${describeThrown(error)}`, { cause: error });
    }
  }
}

function rejectsWith(signal: AbortSignal, closed: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void =>
      reject(closed.aborted ? new RelayError("closed", "The client is closed") : new RelayError("timeout", "No token came in time"));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
