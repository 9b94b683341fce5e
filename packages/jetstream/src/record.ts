import { headers, type MsgHdrs } from "@nats-io/nats-core";
import { concatBytes } from "@parley/core/internal";

/** Entries that are stored together, as one message of a stream. */
export interface NewRecord {
  /** Number of its first entry, from 1. */
  readonly first: number;
  /** Stream sequence of the record that its writer knew as the last one of this log; 0 without one. */
  readonly prev: number;
  /** The writer's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Tells this record from every other: 12 characters. */
  readonly id: string;
  readonly entries: readonly Uint8Array[];
  /** What the application needs of a record without its entries. */
  readonly head: Uint8Array;
  /** The application's state after all records before this one. Only some records carry it. */
  readonly state?: Uint8Array | undefined;
}

/** A record's message, read without its body. */
export interface RecordHead extends Omit<NewRecord, "entries"> {
  readonly count: number;
  /** Bytes of all entries. */
  readonly bytes: number;
}

/** Where the fields of a record are: readable with NATS's own tools. */
const RECORD = "Parley-Record";
const HEAD = "Parley-Head";
const STATE = "Parley-State";

/** JetStream accepts 64 KiB of headers; these leave room for names, NATS's own headers and base64. */
const MAX_HEADER_BYTES = 62 * 1024;
/** Bytes of a record's other fields, with room for the headers that NATS adds. */
export const RECORD_OVERHEAD = 1024;
const LENGTH_BYTES = 4;
const ID = /^[\w-]{12}$/;

/** Bytes of a record's head and state together, at most. */
export const MAX_HEAD_BYTES: number = Math.floor((MAX_HEADER_BYTES - RECORD_OVERHEAD) / 4) * 3;

/** Bytes that an entry takes in a record's body. */
export function sizeInRecord(entry: Uint8Array): number {
  return LENGTH_BYTES + entry.length;
}

/** @throws TypeError if head and state are larger than {@link MAX_HEAD_BYTES}. */
export function encodeRecord(record: NewRecord): { readonly headers: MsgHdrs; readonly body: Uint8Array } {
  const { first, prev, at, id, entries, head, state } = record;
  if (head.length + (state?.length ?? 0) > MAX_HEAD_BYTES)
    throw new TypeError(`A record's head and state have more than ${MAX_HEAD_BYTES} bytes`);
  const bytes = entries.reduce((sum, { length }) => sum + length, 0);
  const fields = headers();
  fields.set(RECORD, [first, entries.length, prev, at, id, bytes].join(" "));
  if (head.length > 0) fields.set(HEAD, base64(head));
  if (state !== undefined) fields.set(STATE, base64(state));
  return { headers: fields, body: encodeEntries(entries) };
}

/** `undefined` for a message that is not a record. */
export function decodeHead(fields: MsgHdrs | undefined): RecordHead | undefined {
  const parts = fields?.get(RECORD).split(" ") ?? [];
  const [first, count, prev, at, , bytes] = parts.map(Number);
  const id = parts[4];
  const numbers = [first, count, prev, at, bytes];
  if (parts.length !== 6 || id === undefined || !ID.test(id) || !numbers.every(isCount)) return undefined;
  if (first === 0) return undefined;
  const [head, state] = [fields?.get(HEAD) ?? "", fields?.has(STATE) === true ? fields.get(STATE) : undefined];
  return {
    first: first as number,
    count: count as number,
    prev: prev as number,
    at: at as number,
    bytes: bytes as number,
    id,
    head: Buffer.from(head, "base64"),
    state: state === undefined ? undefined : Buffer.from(state, "base64"),
  };
}

/** `undefined` if the body is not what the head says. */
export function decodeEntries(body: Uint8Array, { count, bytes }: Pick<RecordHead, "count" | "bytes">): Uint8Array[] | undefined {
  if (body.length !== bytes + count * LENGTH_BYTES) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < count) {
    if (at + LENGTH_BYTES > body.length) return undefined;
    const start = at + LENGTH_BYTES;
    at = start + view.getUint32(at);
    if (at > body.length) return undefined;
    entries.push(body.subarray(start, at));
  }
  return at === body.length ? entries : undefined;
}

function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    entries.flatMap((entry) => {
      const length = new Uint8Array(LENGTH_BYTES);
      new DataView(length.buffer).setUint32(0, entry.length);
      return [length, entry];
    }),
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
