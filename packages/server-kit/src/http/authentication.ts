import { RateLimiter } from "@parley/core/internal";
import type { FastifyRequest } from "fastify";

/** Options of {@link Authentication}. */
export interface AuthenticationOptions<Caller> {
  /** Identifies the sender of a request. @throws the rejection */
  readonly identify: (request: FastifyRequest) => Caller | Promise<Caller>;
  /** The owner whose rate a request counts for. */
  readonly ownerOf: (caller: Caller) => string;
  /** Requests per second of one owner. */
  readonly requestsPerSecond: number;
  /** Number of servers between which the rate is divided. Default 1. */
  readonly servers?: (() => number) | undefined;
  /** The rejection of a request above the rate. */
  readonly rateLimited: () => Error;
  /** The rejection of a request that was not authenticated. */
  readonly unauthorized: () => Error;
}

/** Authenticates requests before their bodies are read, and limits the rate of each owner. */
export class Authentication<Caller> {
  readonly #options: AuthenticationOptions<Caller>;
  readonly #rates: RateLimiter;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();

  constructor(options: AuthenticationOptions<Caller>) {
    this.#options = options;
    this.#rates = new RateLimiter({ perSecond: options.requestsPerSecond, servers: options.servers });
  }

  /** Accepts a request. @throws as the options say */
  async admit(request: FastifyRequest): Promise<Caller> {
    const caller = await this.#options.identify(request);
    if (!this.#rates.tryTake(this.#options.ownerOf(caller))) throw this.#options.rateLimited();
    this.#callers.set(request, caller);
    return caller;
  }

  /** Charges the owner of a request for a response that cost more than one request. */
  charge(request: FastifyRequest, requests: number): void {
    this.#rates.take(this.#options.ownerOf(this.callerOf(request)), requests);
  }

  /** The caller of an accepted request. */
  callerOf(request: FastifyRequest): Caller {
    const caller = this.#callers.get(request);
    if (caller === undefined) throw this.#options.unauthorized();
    return caller;
  }
}
