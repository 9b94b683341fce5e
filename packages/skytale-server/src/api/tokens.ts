import { randomUUID } from "node:crypto";
import { createLocalJWKSet, errors, jwtVerify, SignJWT, type JWTPayload, type JWTVerifyGetKey } from "jose";
import type { Account } from "./accounts.ts";
import type { ApiKeyInfo } from "./keys.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** Audience of tokens: the relay, and this server. */
export type Audience = "skytale-relay" | "skytale-api";

/** All scopes. A token has them unless its client requests fewer. */
const AUDIENCES: readonly [Audience, Audience] = ["skytale-relay", "skytale-api"];

/** Subject of a token. */
export interface TokenHolder {
  readonly accountId: string;
  /** The API key that it was made from. */
  readonly keyId: string;
  /** How long the token is valid from its verification on, in milliseconds. */
  readonly lifetimeMs: number;
}

/** A token, and when it is void (milliseconds since 1970). */
export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
}

/** Why a token is rejected. */
export type TokenRejection = "invalid" | "expired";

const ISSUER = "skytale-api";
const ALGORITHM = "EdDSA";
const MAX_TOKEN_LENGTH = 4096;
/** How far clocks may be apart, in seconds. */
const CLOCK_TOLERANCE = 5;

/** Signs tokens: JWTs (RFC 7519) with EdDSA. */
export class TokenIssuer {
  readonly #signingKeys: SigningKeys;
  readonly #ttlMs: number;
  readonly #now: () => number;

  constructor(signingKeys: SigningKeys, { ttlMs, now }: { readonly ttlMs: number; readonly now: () => number }) {
    this.#signingKeys = signingKeys;
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** Makes a token for the holder of an API key. */
  async issue(apiKey: ApiKeyInfo, { plan }: Pick<Account, "plan">, audience: readonly Audience[] = AUDIENCES): Promise<IssuedToken> {
    const issuedAt = Math.floor(this.#now() / 1000);
    const expiresAt = issuedAt + Math.floor(this.#ttlMs / 1000);
    const { kid, key } = this.#signingKeys.signer();
    const token = await new SignJWT({ plan, mode: apiKey.mode, key_id: apiKey.id })
      .setProtectedHeader({ alg: ALGORITHM, kid, typ: "JWT" })
      .setIssuer(ISSUER)
      .setAudience([...audience])
      .setSubject(apiKey.accountId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .setJti(randomUUID())
      .sign(key);
    return { token, expiresAt: expiresAt * 1000 };
  }
}

/** Checks tokens by the public keys alone: it can't make one. */
export class TokenVerifier {
  readonly #keys: JWTVerifyGetKey;
  readonly #audience: Audience;
  readonly #now: () => number;

  /** @param keys where public keys come from: {@link localKeys}, or jose's `createRemoteJWKSet` where the API server is elsewhere. */
  constructor(keys: JWTVerifyGetKey, { audience, now = Date.now }: { readonly audience: Audience; readonly now?: () => number }) {
    this.#keys = keys;
    this.#audience = audience;
    this.#now = now;
  }

  /** Returns the holder of a token, or the reason for which it is rejected. The caller checks whether its API key was revoked. */
  async verify(token: string): Promise<TokenHolder | TokenRejection> {
    if (token.length > MAX_TOKEN_LENGTH) return "invalid";
    const now = this.#now();
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer: ISSUER,
        audience: this.#audience,
        algorithms: [ALGORITHM],
        requiredClaims: ["exp", "iat", "sub"],
        clockTolerance: CLOCK_TOLERANCE,
        currentDate: new Date(now),
      });
      return holderOf(payload, now) ?? "invalid";
    } catch (error) {
      if (error instanceof errors.JWTExpired) return "expired";
      // An unreachable key set does not make the token invalid.
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return "invalid";
      throw error;
    }
  }
}

/** The keys of this process's own signer. */
export function localKeys(signingKeys: SigningKeys): JWTVerifyGetKey {
  return (header, token) => createLocalJWKSet(signingKeys.keySet())(header, token);
}

function holderOf({ sub, iat, exp, key_id: keyId }: JWTPayload, now: number): TokenHolder | undefined {
  if (typeof sub !== "string" || typeof iat !== "number" || typeof exp !== "number" || typeof keyId !== "string") return undefined;
  // A clock that was set back must not make the token valid for longer than it was issued for.
  const lifetimeMs = Math.max(0, Math.min(exp * 1000 - now, (exp - iat) * 1000));
  return { accountId: sub, keyId, lifetimeMs };
}
