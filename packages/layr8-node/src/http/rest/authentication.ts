import { RateLimiter } from "@parley/core/internal";
import type { FastifyRequest } from "fastify";
import type { ApiKey, ApiKeys } from "../../identity/api-keys.ts";
import { RequestRejection } from "./error-answer.ts";

/** Authenticates REST requests by the header `x-api-key`, and limits the rate of each key. */
export class Authentication {
  readonly #apiKeys: ApiKeys;
  readonly #requestsPerSecond: number;
  readonly #rate: RateLimiter;
  readonly #keys = new WeakMap<FastifyRequest, ApiKey>();

  constructor(apiKeys: ApiKeys, requestsPerSecond: number) {
    this.#apiKeys = apiKeys;
    this.#requestsPerSecond = requestsPerSecond;
    this.#rate = new RateLimiter({ perSecond: requestsPerSecond });
  }

  /**
   * Authenticates a request before its body is read.
   *
   * @throws RequestRejection 401, 429.
   */
  authenticate(request: FastifyRequest): void {
    const presented = request.headers["x-api-key"];
    const apiKey = typeof presented === "string" ? this.#apiKeys.find(presented) : undefined;
    if (apiKey === undefined) throw new RequestRejection(401, "unauthorized", "the header x-api-key is missing, or holds an unknown key");
    if (!this.#rate.tryTake(apiKey.id))
      throw new RequestRejection(429, "rate_limited", `an API key may make ${this.#requestsPerSecond} requests a second`);
    this.#keys.set(request, apiKey);
  }

  /** The key of an authenticated request. */
  keyOf(request: FastifyRequest): ApiKey {
    const apiKey = this.#keys.get(request);
    if (apiKey === undefined) throw new RequestRejection(401, "unauthorized", "the header x-api-key is missing");
    return apiKey;
  }
}
