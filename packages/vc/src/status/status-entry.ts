import { isJsonObject, type JsonObject } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { truncate, entriesOf } from "../json.ts";
import { VcError } from "../vc-error.ts";

/** The supported purposes. */
export type StatusPurpose = "revocation" | "suspension" | "refresh" | "message";

/** A checked BitstringStatusListEntry. */
export interface StatusEntry {
  readonly purpose: StatusPurpose;
  readonly index: number;
  /** Bits per status. */
  readonly size: number;
  /** URL of the status list credential. */
  readonly list: string;
  /** Descriptions of the statuses, for the purpose `message`. */
  readonly messages: ReadonlyMap<number, string>;
}

const PURPOSES: ReadonlySet<string> = new Set<StatusPurpose>(["revocation", "suspension", "refresh", "message"]);
/** 256 messages; the specification sets no limit. */
const MAX_SIZE = 8;
const MAX_INDEX_DIGITS = 15;

/**
 * Reads an entry of `credentialStatus`.
 *
 * @throws VcError `status_invalid`, `status_unsupported`
 * @see {@link https://www.w3.org/TR/vc-bitstring-status-list/#bitstringstatuslistentry | Bitstring Status List, section 2.1}
 */
export function readStatusEntry(entry: JsonObject): StatusEntry {
  const { type, statusPurpose: purpose, statusListIndex: index, statusListCredential: list, statusSize: size = 1 } = entry;
  if (!entriesOf(type).includes("BitstringStatusListEntry")) {
    throw new VcError("status_unsupported", `The status type ${truncate(JSON.stringify(type) ?? "none")} is not supported`);
  }
  if (typeof purpose !== "string") throw invalid("statusPurpose must be a string");
  if (!isPurpose(purpose)) throw new VcError("status_unsupported", `The status purpose ${truncate(purpose)} is not supported`);
  if (typeof index !== "string" || !/^(?:0|[1-9]\d*)$/.test(index) || index.length > MAX_INDEX_DIGITS) {
    throw invalid("statusListIndex must be a string with a non-negative integer");
  }
  if (typeof list !== "string" || !/^https?:\/\//i.test(list) || !URL.canParse(list)) {
    throw invalid("statusListCredential must be an http or https URL");
  }
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1 || size > MAX_SIZE) {
    throw invalid(`statusSize must be an integer from 1 to ${MAX_SIZE}`);
  }
  const messages = readMessages(entry["statusMessage"], size);
  if (messages.size === 0 && (size > 1 || purpose === "message")) throw invalid("statusMessage must describe each status");
  return { purpose, index: Number(index), size, list, messages };
}

function isPurpose(purpose: string): purpose is StatusPurpose {
  return PURPOSES.has(purpose);
}

function readMessages(value: JsonObject[string], size: number): ReadonlyMap<number, string> {
  const messages = new Map<number, string>();
  if (value === undefined) return messages;
  if (!isJsonArray(value) || value.length !== 2 ** size) throw invalid("statusMessage must have a message for each status");
  for (const item of value) {
    const { status, message } = isJsonObject(item) ? item : {};
    if (typeof status !== "string" || !/^0x[0-9a-f]{1,2}$/i.test(status) || typeof message !== "string") {
      throw invalid("statusMessage must have entries with the strings status (such as 0x0) and message");
    }
    messages.set(Number(status), message);
  }
  if (messages.size !== value.length) throw invalid("statusMessage must have a message for each status");
  return messages;
}

function invalid(message: string): VcError {
  return new VcError("status_invalid", `credentialStatus: ${message}`);
}
