import { isJsonObject, type JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { KEY_ID_LENGTH } from "./key-window.ts";

/** Entries of one publisher that follow one another in a record. */
export interface PublisherRun {
  readonly publisher: string;
  readonly count: number;
  readonly bytes: number;
}

/** The data of a record about its entries, without their bodies. */
export interface ChannelHead {
  readonly runs: readonly PublisherRun[];
  /** Epoch, and index of the entry in the record, of each commit. */
  readonly commits: readonly (readonly [epoch: bigint, index: number])[];
  /** Id of each entry's key. */
  readonly keys: readonly string[];
  /** The record stands for entries that were evicted from the log from which it was imported. */
  readonly isEvicted?: boolean | undefined;
  /** The channel was cleared: nothing before the record counts. It has no entries. */
  readonly isCleared?: boolean | undefined;
}

const LENGTH_BYTES = 4;
const EPOCH = /^\d{1,20}$/;

/** Length of the JSON, JSON of runs and commits, and the ids of the keys. */
export function encodeChannelHead({ runs, commits, keys, isEvicted, isCleared }: ChannelHead): Uint8Array {
  const json = Buffer.from(
    JSON.stringify({
      runs: runs.map(({ publisher, count, bytes }) => [publisher, count, bytes]),
      commits: commits.map(([epoch, index]) => [String(epoch), index]),
      ...(isEvicted === true && { evicted: true }),
      ...(isCleared === true && { cleared: true }),
    }),
  );
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, Buffer.from(keys.join(""), "latin1")]);
}

/** A malformed head is ignored: only these servers write heads. */
export function decodeChannelHead(bytes: Uint8Array): ChannelHead {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = all.length < LENGTH_BYTES ? 0 : all.readUInt32BE();
  const json = parse(all.toString("utf8", LENGTH_BYTES, LENGTH_BYTES + length));
  const ids = all.toString("latin1", LENGTH_BYTES + length);
  return {
    runs: rows(json["runs"]).flatMap(([publisher, count, own]) =>
      typeof publisher === "string" ? [{ publisher, count: Number(count), bytes: Number(own) }] : [],
    ),
    commits: readCommits(json["commits"]),
    isEvicted: json["evicted"] === true,
    isCleared: json["cleared"] === true,
    keys: Array.from({ length: Math.floor(ids.length / KEY_ID_LENGTH) }, (_, index) =>
      ids.slice(index * KEY_ID_LENGTH, (index + 1) * KEY_ID_LENGTH),
    ),
  };
}

/** The commits on record, in the order of their recording. */
export function encodeCommits(commits: Iterable<readonly [bigint, number]>): Uint8Array {
  return Buffer.from(JSON.stringify({ commits: Array.from(commits, ([epoch, sequence]) => [String(epoch), sequence]) }));
}

/** The opposite of {@link encodeCommits}. */
export function decodeCommits(state: Uint8Array): readonly (readonly [bigint, number])[] {
  return readCommits(parse(Buffer.from(state).toString())["commits"]);
}

function readCommits(value: JsonValue | undefined): (readonly [bigint, number])[] {
  return rows(value).flatMap(([epoch, at]) =>
    typeof epoch === "string" && EPOCH.test(epoch) ? [[BigInt(epoch), Number(at)] as const] : [],
  );
}

function rows(value: JsonValue | undefined): (readonly JsonValue[])[] {
  return isJsonArray(value) ? value.filter(isJsonArray) : [];
}

function parse(text: string): Readonly<Record<string, JsonValue>> {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? (value as Readonly<Record<string, JsonValue>>) : {};
  } catch {
    return {};
  }
}
