import { isJsonObject } from "@parley/core";
import { checkJsonText } from "@parley/core/internal";
import { type AuditEntry, type HiddenEntry, isHash, readEntry } from "./entry.ts";
import type { AuditKey } from "./head.ts";

/** The first line of an export. */
export interface ExportHeader {
  /** Name and version of the format. */
  readonly audit: "parley-audit/1";
  /** DID of the party that has the chain. */
  readonly agent: string;
  /** The channel that the chain is about, and `to` of its messages. Absent if the chain is about all messages of the party. */
  readonly channel?: string;
  /** What the party calls itself in the channel, by its own word. */
  readonly name?: string;
  /** The key of its signatures, by its own word. */
  readonly key: AuditKey;
  /** Signed statement of the entries that retention has removed from the start: a compact JWS. Absent if none was removed. */
  readonly cut?: string;
  /** The party that the export is for: entries about others are hidden. */
  readonly peer?: string;
}

/** The last line of an export. */
export interface ExportFooter {
  /** The signed head: a compact JWS. */
  readonly head: string;
}

/** A line of an export. An export is JSON Lines: the header, the entries in order, the footer. */
export type ExportLine = ExportHeader | AuditEntry | HiddenEntry | ExportFooter;

/** An entry as a line of an export has it. */
export interface ExportedEntry {
  /** Number of the line, from 1. */
  readonly line: number;
  /** Absent if the line is not an entry. */
  readonly entry: AuditEntry | HiddenEntry | undefined;
}

/** The parts of an export. */
export interface ReadExport {
  readonly header: ExportHeader | undefined;
  readonly entries: readonly ExportedEntry[];
  /** The signed head. */
  readonly head: string | undefined;
  /** Whether the head is the last line, and the only one of its kind. */
  readonly endsWithHead: boolean;
}

/** Characters of a line. */
const MAX_LINE = 16_384;
/** Levels of nesting: the header has the key. */
const MAX_DEPTH = 4;

/**
 * Reads the lines of an export. Lines that are neither header nor footer count as entries.
 *
 * @throws TypeError if there are more entries than `maxEntries`; what `lines` throws
 */
export async function readExport(
  lines: AsyncIterable<string> | Iterable<string>,
  { name, maxEntries }: { readonly name: string; readonly maxEntries: number },
): Promise<ReadExport> {
  let header: ExportHeader | undefined;
  let head: string | undefined;
  let endsWithHead = false;
  const entries: ExportedEntry[] = [];
  let line = 0;
  for await (const text of lines) {
    line += 1;
    if (text === "" || text === "\r") continue;
    const value = text.length > MAX_LINE ? undefined : parse(text);
    if (line === 1 && isHeader(value)) {
      header = value;
    } else if (isFooter(value)) {
      endsWithHead = head === undefined;
      ({ head } = value);
    } else {
      endsWithHead = false;
      const entry = readEntry(value);
      // A damaged header is not an entry.
      if (line === 1 && entry === undefined) continue;
      if (entries.length >= maxEntries) throw new TypeError(`${name} has more than ${maxEntries} entries`);
      entries.push({ line, entry });
    }
  }
  return { header, entries, head, endsWithHead };
}

function isHeader(value: unknown): value is ExportHeader {
  if (!isJsonObject(value) || value["audit"] !== "parley-audit/1" || typeof value["agent"] !== "string") return false;
  const { key, cut, peer, channel, name } = value;
  if (!isJsonObject(key) || key["kty"] !== "OKP" || key["crv"] !== "Ed25519" || !isHash(key["x"])) return false;
  return [cut, peer, channel, name].every((member) => member === undefined || typeof member === "string");
}

function isFooter(value: unknown): value is ExportFooter {
  return isJsonObject(value) && typeof value["head"] === "string" && Object.keys(value).length === 1;
}

/** A member that is there twice could be read differently elsewhere. */
function parse(text: string): unknown {
  if (!checkJsonText(text, MAX_DEPTH).ok) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
