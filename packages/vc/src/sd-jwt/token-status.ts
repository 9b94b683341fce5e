import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { decodeBase64url, runWithin } from "@parley/core/internal";
import { didOf } from "@parley/did";
import { authenticate } from "../authenticate.ts";
import { readClaims } from "../jwt/claims.ts";
import { isMediaType, readJws } from "../jwt/jws.ts";
import { CREDENTIAL } from "../kind.ts";
import { inflate } from "../status/inflate.ts";
import { VcError } from "../vc-error.ts";
import { unfetchable } from "../status/unfetchable.ts";
import type { Verification } from "../verification.ts";

/** How long a list without `ttl` may be used, in milliseconds. */
const DEFAULT_TTL_MS = 300_000;
const BITS = [1, 2, 4, 8];

interface StatusReference {
  readonly uri: string;
  readonly index: number;
}

/**
 * Looks up the status of a credential in a Token Status List.
 *
 * @param status the claim `status` of the credential.
 * @returns when the list must be fetched again, in milliseconds since 1970; `Infinity` without a status.
 * @throws VcError `revoked`, `suspended`, `status_invalid`, `status_unsupported`, `status_unavailable`
 * @see {@link https://datatracker.ietf.org/doc/draft-ietf-oauth-status-list/ | Token Status List, section 8.3}
 */
export async function checkTokenStatus(status: JsonValue | undefined, issuer: string, verification: Verification): Promise<number> {
  if (status === undefined || verification.status === "ignore") return Infinity;
  const reference = readReference(status);
  const text = await fetchToken(reference.uri, verification);
  try {
    const { value, freshUntil } = await readToken(text, reference, issuer, verification);
    if (value === 1) throw new VcError("revoked", "The credential is revoked");
    if (value === 2) throw new VcError("suspended", "The credential is suspended");
    if (value !== 0) throw new VcError("status_unsupported", `The status ${value} is not supported`);
    return freshUntil;
  } catch (error) {
    if (!(error instanceof VcError) || ["revoked", "suspended", "status_unsupported", "status_invalid"].includes(error.code)) throw error;
    const code = error.retryable ? "status_unavailable" : "status_invalid";
    throw new VcError(code, `The status list is invalid: ${error.message}`, { cause: error, retryable: error.retryable });
  }
}

function readReference(status: JsonValue): StatusReference {
  const list = isJsonObject(status) ? status["status_list"] : undefined;
  if (!isJsonObject(status) || list === undefined) throw new VcError("status_unsupported", "The claim status has no status_list");
  const { idx, uri } = isJsonObject(list) ? list : {};
  if (typeof idx !== "number" || !Number.isSafeInteger(idx) || idx < 0) throw invalid("idx must be an integer, 0 or greater");
  if (typeof uri !== "string" || !/^https?:\/\//i.test(uri) || !URL.canParse(uri)) throw invalid("uri must be an http or https URL");
  return { uri, index: idx };
}

async function fetchToken(uri: string, { status: fetch, statusTimeoutMs, limits, signal }: Verification): Promise<string> {
  if (typeof fetch !== "function") {
    throw new VcError("status_unavailable", 'The credential has a status that cannot be fetched: set the option "status"');
  }
  try {
    const bounds = { signals: [signal], timeoutMs: statusTimeoutMs };
    const text: unknown = await runWithin(bounds, (within) => fetch(uri, { signal: within, maxBytes: limits.maxStatusListLength }));
    if (typeof text === "string" && text.length <= limits.maxStatusListLength) return text.trim();
  } catch (error) {
    signal?.throwIfAborted();
    throw unfetchable(uri, error);
  }
  throw invalid(`it has more than ${limits.maxStatusListLength} characters`);
}

/** @see {@link https://datatracker.ietf.org/doc/draft-ietf-oauth-status-list/ | Token Status List, sections 4 and 5.1} */
async function readToken(
  text: string,
  { uri, index }: StatusReference,
  issuer: string,
  verification: Verification,
): Promise<{ value: number; freshUntil: number }> {
  const jws = readJws(text);
  if (!isMediaType(jws.header["typ"], "statuslist+jwt")) throw invalid("its typ must be statuslist+jwt");
  const claims = readClaims(jws.payload);
  const signer = claims.iss ?? (jws.kid === undefined ? issuer : didOf(jws.kid)) ?? issuer;
  if (signer !== issuer && !verification.trustedStatusIssuers.has(signer))
    throw invalid("it is neither from the issuer nor from a trusted status issuer");
  const signature = { type: "jwt", jws, claims } as const;
  await authenticate({ format: "jwt", document: jws.payload, headers: jws.header, signature }, signer, CREDENTIAL, verification);
  // Substituting another list of the same issuer could hide a revocation.
  if (claims.sub !== uri) throw invalid("its sub must be the URL that it was fetched from");
  const { now, toleranceMs, limits } = verification;
  const expires = claims.exp === undefined ? Infinity : claims.exp * 1000;
  if (now - toleranceMs >= expires) throw new VcError("status_unavailable", "The status list has expired", { retryable: true });
  const ttl = jws.payload["ttl"];
  if (ttl !== undefined && (typeof ttl !== "number" || ttl < 0)) throw invalid("ttl must be a number of seconds, 0 or greater");
  const value = await readStatus(jws.payload["status_list"], index, limits.maxStatusListBytes);
  return { value, freshUntil: Math.min(expires, now + (typeof ttl === "number" ? ttl * 1000 : DEFAULT_TTL_MS)) };
}

async function readStatus(list: JsonObject[string], index: number, maxBytes: number): Promise<number> {
  const { bits, lst } = isJsonObject(list) ? list : {};
  if (typeof bits !== "number" || !BITS.includes(bits)) throw invalid("bits must be 1, 2, 4 or 8");
  const compressed = typeof lst === "string" ? decodeBase64url(lst) : undefined;
  if (compressed === undefined) throw invalid("lst must be base64url");
  const bytes = await inflate(compressed, "deflate", maxBytes);
  const position = index * bits;
  const byte = bytes[Math.floor(position / 8)];
  if (byte === undefined) throw invalid("the index of the credential is beyond its end");
  return (byte >> (position % 8)) & (2 ** bits - 1);
}

function invalid(message: string): VcError {
  return new VcError("status_invalid", `The status list is invalid: ${message}`);
}
