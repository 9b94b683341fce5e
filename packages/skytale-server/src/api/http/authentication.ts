import { RateLimiter } from "@parley/core/internal";
import type { FastifyRequest } from "fastify";
import { FailedVerifications } from "../../failed-verifications.ts";
import { ApiError } from "../api-error.ts";
import type { ApiKeyInfo, ApiKeys } from "../keys.ts";
import type { TokenVerifier } from "../tokens.ts";

const MISSING_HEADER = "the header authorization is missing: Bearer, with an API key or a token";

/** Options of {@link Authentication}. */
export interface AuthenticationOptions {
  readonly keys: ApiKeys;
  readonly verifier: TokenVerifier;
  /** Calls that one account may make in a second. */
  readonly requestsPerSecond: number;
  /** Keys and tokens that are refused, in a second, from one address. */
  readonly failedVerificationsPerSecond: number;
  readonly addressOf: (request: FastifyRequest) => string;
}

interface Caller {
  readonly accountId: string;
  /** Absent where a token was shown. */
  readonly apiKey?: ApiKeyInfo;
}

const BEARER = /^Bearer +(\S+)$/i;

/** Whose a request is: knows it by `authorization: Bearer`, an API key or a token made from one, and holds each account to its rate. */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #rates: RateLimiter;
  readonly #failures: FailedVerifications;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    this.#rates = new RateLimiter({ perSecond: options.requestsPerSecond });
    this.#failures = new FailedVerifications(options.failedVerificationsPerSecond);
  }

  /** Lets a request in, before its body is read. @throws ApiError `unauthorized`, `key_invalid`, `token_invalid`, `rate_limited` */
  async admit(request: FastifyRequest): Promise<void> {
    const header = request.headers.authorization;
    if (header === undefined) throw new ApiError("unauthorized", MISSING_HEADER);
    const [, presented] = BEARER.exec(header) ?? [];
    if (presented === undefined) throw new ApiError("unauthorized", "authorization must be Bearer, with an API key or a token");
    const caller = await this.#verify(presented, this.#options.addressOf(request));
    if (!this.#rates.tryTake(caller.accountId)) {
      throw new ApiError("rate_limited", `an account may make ${this.#options.requestsPerSecond} calls a second`);
    }
    this.#callers.set(request, caller);
  }

  /** Charges the account of a request for what it was answered beyond one thing, in calls: it makes fewer of them then. */
  charge(request: FastifyRequest, calls: number): void {
    this.#rates.take(this.accountOf(request), calls);
  }

  /** The account of an authenticated request. */
  accountOf(request: FastifyRequest): string {
    return this.#callerOf(request).accountId;
  }

  /** The API key of a request. @throws ApiError `key_required` for a token: a token must not create credentials that outlive it. */
  keyOf(request: FastifyRequest): ApiKeyInfo {
    const { apiKey } = this.#callerOf(request);
    if (apiKey === undefined) throw new ApiError("key_required", "this call takes an API key, not a token");
    return apiKey;
  }

  #callerOf(request: FastifyRequest): Caller {
    const caller = this.#callers.get(request);
    if (caller === undefined) throw new ApiError("unauthorized", MISSING_HEADER);
    return caller;
  }

  async #verify(presented: string, address: string): Promise<Caller> {
    if (!this.#failures.mayTry(address)) throw new ApiError("rate_limited", "too many refused keys and tokens from one address");
    try {
      return await (presented.startsWith("sk_") ? this.#byKey(presented) : this.#byToken(presented));
    } catch (error) {
      if (error instanceof ApiError) this.#failures.failed(address);
      throw error;
    }
  }

  async #byKey(presented: string): Promise<Caller> {
    const apiKey = await this.#options.keys.find(presented);
    if (apiKey === undefined) throw new ApiError("key_invalid", "invalid or revoked api key");
    return { accountId: apiKey.accountId, apiKey };
  }

  async #byToken(presented: string): Promise<Caller> {
    const holder = await this.#options.verifier.verify(presented);
    if (holder === "expired") throw new ApiError("token_invalid", "the token has expired");
    if (holder === "invalid") throw new ApiError("token_invalid", "the token is not valid here");
    if (!(await this.#options.keys.isValid(holder.keyId)))
      throw new ApiError("token_invalid", "the API key of this token has been revoked");
    return { accountId: holder.accountId };
  }
}
