import type { JsonObject } from "@parley/core";
import { VcError } from "../vc-error.ts";
import type { Verification } from "../verification.ts";
import { readStatusEntry, type StatusEntry, type StatusPurpose } from "./status-entry.ts";
import { loadStatusList } from "./load-status-list.ts";
import type { VerifiedStatusList } from "./status-list-cache.ts";
import { MIN_ENTRIES } from "./bitstring.ts";

/** One status of a credential, from a status list. */
export interface CredentialStatus {
  /** The purpose of the status list. */
  readonly purpose: StatusPurpose;
  /** 0 if the status is not set. For the purpose `message`, the number that stands for `message`. */
  readonly value: number;
  /** The issuer's description of the value. */
  readonly message?: string;
}

/** Every status of a credential. */
export interface CheckedStatuses {
  readonly statuses: readonly CredentialStatus[];
  /** When the first of the lists must be fetched again, in milliseconds since 1970; `Infinity` without lists. */
  readonly freshUntil: number;
}

/**
 * Looks up every status of a credential. Revoked and suspended credentials are rejected; `refresh` and `message` are returned.
 *
 * @throws VcError
 * @see {@link https://www.w3.org/TR/vc-bitstring-status-list/#validate-algorithm | Bitstring Status List, section 3.2}
 */
export async function checkStatuses(entries: readonly JsonObject[], issuer: string, verification: Verification): Promise<CheckedStatuses> {
  if (verification.status === "ignore") return { statuses: [], freshUntil: Infinity };
  const { maxStatuses } = verification.limits;
  if (entries.length > maxStatuses) throw new VcError("too_large", `The credential has more than ${maxStatuses} status entries`);
  const statuses: CredentialStatus[] = [];
  let freshUntil = Infinity;
  for (const entry of entries.map(readStatusEntry)) {
    const list = await loadStatusList(entry.list, verification);
    statuses.push(readStatus(list, entry, issuer, verification));
    freshUntil = Math.min(freshUntil, list.expires);
  }
  return { statuses, freshUntil };
}

function readStatus(list: VerifiedStatusList, entry: StatusEntry, issuer: string, verification: Verification): CredentialStatus {
  const { purpose, index, size } = entry;
  if (list.issuer !== issuer && !verification.trustedStatusIssuers.has(list.issuer)) {
    throw new VcError("status_invalid", "The status list is neither from the issuer of the credential nor from a trusted status issuer");
  }
  if (!list.purposes.includes(purpose)) throw new VcError("status_invalid", "The status list is for another purpose");
  const entries = Math.floor(list.bits.length / size);
  if (entries < MIN_ENTRIES) throw new VcError("status_invalid", `The status list has fewer than ${MIN_ENTRIES} entries`);
  if (index >= entries) throw new VcError("status_invalid", "The index of the credential is beyond the end of the status list");
  const value = list.bits.read(index * size, size);
  if (value !== 0 && purpose === "revocation") throw new VcError("revoked", "The credential is revoked");
  if (value !== 0 && purpose === "suspension") throw new VcError("suspended", "The credential is suspended");
  const message = entry.messages.get(value);
  return { purpose, value, ...(message !== undefined && { message }) };
}
