import { Authentication } from "@parley/server-kit/http";
import type { FastifyRequest } from "fastify";
import { FailedVerifications } from "../../failed-verifications.ts";
import { ApiError } from "../api-error.ts";
import type { ApiKeyInfo, ApiKeys } from "../keys.ts";
import type { TokenVerifier } from "../tokens.ts";

const MISSING_HEADER = "the header authorization is missing: Bearer, with an API key or a token";
const BEARER = /^Bearer +(\S+)$/i;

/** Options of {@link ApiAuthentication}. */
export interface ApiAuthenticationOptions {
  readonly keys: ApiKeys;
  readonly verifier: TokenVerifier;
  /** Calls of one account per second. */
  readonly requestsPerSecond: number;
  /** Rejected keys and tokens per second from one address. */
  readonly failedVerificationsPerSecond: number;
  readonly addressOf: (request: FastifyRequest) => string;
  /** Number of servers between which the rate of an account is divided. */
  readonly servers: () => number;
}

interface Caller {
  readonly accountId: string;
  /** Absent if the request has a token. */
  readonly apiKey?: ApiKeyInfo;
}

/**
 * Authenticates calls by `authorization: Bearer`, with an API key or a token created from one. Rejects with ApiError `unauthorized`,
 * `key_invalid`, `token_invalid` and `rate_limited`.
 */
export class ApiAuthentication extends Authentication<Caller> {
  constructor({ keys, verifier, requestsPerSecond, failedVerificationsPerSecond, addressOf, servers }: ApiAuthenticationOptions) {
    const failures = new FailedVerifications(failedVerificationsPerSecond);
    const verify = async (presented: string, address: string): Promise<Caller> => {
      if (!failures.mayTry(address)) throw new ApiError("rate_limited", "too many rejected keys and tokens from one address");
      try {
        return await (presented.startsWith("sk_") ? byKey(keys, presented) : byToken(keys, verifier, presented));
      } catch (error) {
        if (error instanceof ApiError) failures.failed(address);
        throw error;
      }
    };
    super({
      identify: async (request) => {
        const header = request.headers.authorization;
        if (header === undefined) throw new ApiError("unauthorized", MISSING_HEADER);
        const [, presented] = BEARER.exec(header) ?? [];
        if (presented === undefined) throw new ApiError("unauthorized", "authorization must be Bearer, with an API key or a token");
        return verify(presented, addressOf(request));
      },
      ownerOf: ({ accountId }) => accountId,
      requestsPerSecond,
      servers,
      rateLimited: () => new ApiError("rate_limited", `an account may make ${requestsPerSecond} calls a second`),
      unauthorized: () => new ApiError("unauthorized", MISSING_HEADER),
    });
  }

  /** The account of an accepted request. */
  accountOf(request: FastifyRequest): string {
    return this.callerOf(request).accountId;
  }

  /** The API key of an accepted request. @throws ApiError `key_required` for a token: a token must not create credentials that outlive it. */
  keyOf(request: FastifyRequest): ApiKeyInfo {
    const { apiKey } = this.callerOf(request);
    if (apiKey === undefined) throw new ApiError("key_required", "this call takes an API key, not a token");
    return apiKey;
  }
}

async function byKey(keys: ApiKeys, presented: string): Promise<Caller> {
  const apiKey = await keys.find(presented);
  if (apiKey === undefined) throw new ApiError("key_invalid", "invalid or revoked api key");
  return { accountId: apiKey.accountId, apiKey };
}

async function byToken(keys: ApiKeys, verifier: TokenVerifier, presented: string): Promise<Caller> {
  const holder = await verifier.verify(presented);
  if (holder === "expired") throw new ApiError("token_invalid", "the token has expired");
  if (holder === "invalid") throw new ApiError("token_invalid", "the token is not valid here");
  if (!(await keys.isValid(holder.keyId))) throw new ApiError("token_invalid", "the API key of this token has been revoked");
  return { accountId: holder.accountId };
}
