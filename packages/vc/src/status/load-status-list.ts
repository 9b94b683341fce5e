import { isJsonObject } from "@parley/core";
import { runWithin } from "@parley/core/internal";
import { verifyIssuedCredential } from "../verify-issued-credential.ts";
import { entriesOf } from "../json.ts";
import { CREDENTIAL } from "../kind.ts";
import { readSecured, type Secured } from "../secured.ts";
import { VcError } from "../vc-error.ts";
import { unfetchable } from "./unfetchable.ts";
import type { Verification } from "../verification.ts";
import { Bitstring } from "./bitstring.ts";
import { getList, revisionOf, storeList, type FreshStatusList, type VerifiedStatusList } from "./status-list-cache.ts";

/** Default of `ttl`, in milliseconds (Bitstring Status List, section 2.2). */
const DEFAULT_TTL_MS = 300_000;

/**
 * Returns the verified status list of a URL, from the cache if possible.
 *
 * @throws VcError `status_unavailable`, `status_invalid`
 */
export async function loadStatusList(url: string, verification: Verification): Promise<FreshStatusList> {
  const { lists, now } = verification;
  const cached = getList(lists, url, now);
  if (cached !== undefined) return cached;
  const revision = revisionOf(lists);
  const text = await fetchList(url, verification);
  const { list, ttlMs } = await verifyList(text, url, verification);
  return storeList(lists, url, list, { now, ttlMs, revision });
}

async function fetchList(url: string, verification: Verification): Promise<string> {
  const { status: fetch, statusTimeoutMs, limits, signal } = verification;
  if (typeof fetch !== "function") {
    throw new VcError("status_unavailable", 'The credential has a status that cannot be fetched: set the option "status"');
  }
  try {
    const bounds = { signals: [signal], timeoutMs: statusTimeoutMs };
    const text: unknown = await runWithin(bounds, (within) => fetch(url, { signal: within, maxBytes: limits.maxStatusListLength }));
    if (typeof text === "string" && text.length <= limits.maxStatusListLength) return text.trim();
  } catch (error) {
    signal?.throwIfAborted();
    throw unfetchable(url, error);
  }
  throw new VcError("status_invalid", `The status list has more than ${limits.maxStatusListLength} characters`);
}

async function verifyList(text: string, url: string, verification: Verification): Promise<{ list: VerifiedStatusList; ttlMs: number }> {
  try {
    const secured = readSecured(text, CREDENTIAL, verification.limits.maxStatusListLength);
    const { issuer, validUntil = Infinity, statuses } = await verifyIssuedCredential(secured, verification);
    // Prevents cycles.
    if (statuses.length > 0) throw new VcError("status_invalid", "A status list credential must not have a status of its own");
    const { purposes, bits, ttl } = await readList(secured, url, verification);
    return { list: { issuer, purposes, bits }, ttlMs: Math.min(ttl, validUntil - verification.now) };
  } catch (error) {
    if (!(error instanceof VcError)) throw error;
    const { message, retryable } = error;
    if (retryable) {
      throw new VcError("status_unavailable", `The status list cannot be verified now: ${message}`, { cause: error, retryable });
    }
    throw new VcError("status_invalid", `The status list is invalid: ${message}`, { cause: error });
  }
}

/** @see {@link https://www.w3.org/TR/vc-bitstring-status-list/#bitstringstatuslistcredential | Bitstring Status List, section 2.2} */
async function readList(
  { document }: Secured,
  url: string,
  { limits }: Verification,
): Promise<{ purposes: readonly string[]; bits: Bitstring; ttl: number }> {
  const { id, type, credentialSubject: subject } = document;
  if (!entriesOf(type).includes("BitstringStatusListCredential")) throw invalid("its type must include BitstringStatusListCredential");
  // Substituting another list of the same issuer could hide a revocation.
  if (id !== undefined && id !== url) throw invalid("its id must be the URL that it was fetched from");
  if (!isJsonObject(subject) || !entriesOf(subject["type"]).includes("BitstringStatusList")) {
    throw invalid("its subject must be a BitstringStatusList");
  }
  const { statusPurpose, encodedList, ttl = DEFAULT_TTL_MS } = subject;
  const purposes = entriesOf(statusPurpose).filter((purpose) => typeof purpose === "string");
  if (typeof encodedList !== "string") throw invalid("encodedList must be a string");
  if (typeof ttl !== "number" || ttl < 0) throw invalid("ttl must be a number of milliseconds, 0 or greater");
  return { purposes, bits: await Bitstring.decode(encodedList, limits.maxStatusListBytes), ttl };
}

function invalid(message: string): VcError {
  return new VcError("status_invalid", message);
}
