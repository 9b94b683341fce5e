import { RateLimiter } from "@parley/core/internal";
import type { FastifyRequest } from "fastify";
import type { ApiKey, ApiKeys } from "../../identity/api-keys.ts";
import { RequestRefusal } from "./error-answer.ts";

/** Whose a request is: knows it by the header `x-api-key`, and holds each key to its rate. */
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

  /** Lets a request in, before its body is read. @throws RequestRefusal 401, 429. */
  admit(request: FastifyRequest): void {
    const presented = request.headers["x-api-key"];
    const apiKey = typeof presented === "string" ? this.#apiKeys.find(presented) : undefined;
    if (apiKey === undefined) throw new RequestRefusal(401, "unauthorized", "the header x-api-key is missing, or holds an unknown key");
    if (!this.#rate.tryTake(apiKey.id))
      throw new RequestRefusal(429, "rate_limited", `an API key may make ${this.#requestsPerSecond} requests a second`);
    this.#keys.set(request, apiKey);
  }

  /** The key of a request that was let in. */
  keyOf(request: FastifyRequest): ApiKey {
    const apiKey = this.#keys.get(request);
    if (apiKey === undefined) throw new RequestRefusal(401, "unauthorized", "the header x-api-key is missing");
    return apiKey;
  }
}
