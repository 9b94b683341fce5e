import type { JsonObject } from "@parley/core";
import { VcError } from "../vc-error.ts";
import type { Verification } from "../verification.ts";
import { readStatusEntry, type StatusEntry, type StatusPurpose } from "./status-entry.ts";
import { statusListOf } from "./status-list-source.ts";
import { MIN_ENTRIES } from "./bitstring.ts";

/** What a status list says about a credential. */
export interface CredentialStatus {
  /** What the status is about. */
  readonly purpose: StatusPurpose;
  /** 0 is clear. For `message`, the number whose meaning `message` is. */
  readonly value: number;
  /** What the issuer says that the value means. */
  readonly message?: string;
}

/**
 * Looks up every status of a credential. Revoked and suspended ones are refused; `refresh` and `message` are reported.
 *
 * @see {@link https://www.w3.org/TR/vc-bitstring-status-list/#validate-algorithm | Bitstring Status List, section 3.2}
 */
export async function checkStatuses(
  entries: readonly JsonObject[],
  issuer: string,
  verification: Verification,
): Promise<readonly CredentialStatus[]> {
  if (verification.status === "ignore") return [];
  const { maxStatuses } = verification.limits;
  if (entries.length > maxStatuses) throw new VcError("too_large", `A credential has at most ${maxStatuses} status entries`);
  const statuses: CredentialStatus[] = [];
  for (const entry of entries.map(readStatusEntry)) statuses.push(await checkStatus(entry, issuer, verification));
  return statuses;
}

async function checkStatus(entry: StatusEntry, issuer: string, verification: Verification): Promise<CredentialStatus> {
  const { purpose, index, size } = entry;
  const list = await statusListOf(entry.list, verification);
  if (list.issuer !== issuer && !verification.trustedStatusIssuers.has(list.issuer)) {
    throw new VcError("status_invalid", "The status list is not the issuer's, nor that of a trusted one");
  }
  if (!list.purposes.includes(purpose)) throw new VcError("status_invalid", "The status list is for another purpose");
  const entries = Math.floor(list.bits.length / size);
  if (entries < MIN_ENTRIES) throw new VcError("status_invalid", `A status list has at least ${MIN_ENTRIES} entries`);
  if (index >= entries) throw new VcError("status_invalid", "The status list has no such index");
  const value = list.bits.read(index * size, size);
  if (value !== 0 && purpose === "revocation") throw new VcError("revoked", "The credential is revoked");
  if (value !== 0 && purpose === "suspension") throw new VcError("suspended", "The credential is suspended");
  const message = entry.messages.get(value);
  return { purpose, value, ...(message !== undefined && { message }) };
}
