import { ParleyError } from "@parley/core";
import { describeThrown, signalWithin } from "@parley/core/internal";
import { RelayError } from "./relay-error.ts";

/**
 * Returns a token for the relay: a JWT from `POST /v1/tokens` of the API server. Called when a token is needed, before the current one
 * expires, and after the relay rejected it. If it throws, it is called again later, unless the error is a ParleyError that isn't `retryable`.
 */
export type TokenProvider = (options: { readonly signal: AbortSignal }) => string | Promise<string>;

/** Longest token in bytes: servers accept headers of this size. */
const MAX_TOKEN_LENGTH = 7 * 1024;

/** Caches the current token, and shares one call of the provider between concurrent callers. */
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
   * @param rejected a token that must not be returned again.
   * @throws RelayError `timeout`, `unauthenticated`, `unavailable`; ParleyErrors of the provider.
   */
  get(rejected?: string): Promise<string> {
    if (this.#current !== undefined && this.#current !== rejected) return Promise.resolve(this.#current);
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const signal = signalWithin(this.#timeoutMs, this.#closed);
    const token = await Promise.race([this.#provide(signal), rejectsWith(signal, this.#closed)]);
    if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token) || token.length > MAX_TOKEN_LENGTH) {
      throw new RelayError("unauthenticated", "The token provider did not return a string that a header can carry");
    }
    this.#current = token;
    return token;
  }

  async #provide(signal: AbortSignal): Promise<string> {
    try {
      return await this.#provider({ signal });
    } catch (error) {
      if (error instanceof ParleyError) throw error;
      throw new RelayError("unavailable", `The token provider failed: ${describeThrown(error)}`, { cause: error });
    }
  }
}

function rejectsWith(signal: AbortSignal, closed: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void =>
      reject(
        closed.aborted
          ? new RelayError("closed", "The client is closed")
          : new RelayError("timeout", "The token provider did not return a token in time"),
      );
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
