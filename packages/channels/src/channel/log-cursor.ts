import { createHash } from "node:crypto";

/** An entry of the log that was applied. */
export interface AppliedEntry {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** Where a log goes on, and what was applied last: by that it is known again as the same log. */
export interface LogCursor {
  readonly next: number;
  readonly last: AppliedEntry | undefined;
}

const NUMBER_BYTES = 8;
const HASH_BYTES = 32;

export function entryHash(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(payload).digest());
}

/** `next: u64`, and the hash of the entry before it when that was applied. */
export function encodeCursor({ next, last }: LogCursor): Uint8Array {
  const bytes = new Uint8Array(last === undefined ? NUMBER_BYTES : NUMBER_BYTES + HASH_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(next));
  if (last !== undefined) bytes.set(last.hash, NUMBER_BYTES);
  return bytes;
}

/** Reads {@link encodeCursor}. What can't be read is the log's start: what was applied before is known by its keys. */
export function decodeCursor(bytes: Uint8Array | undefined): LogCursor {
  const start: LogCursor = { next: 1, last: undefined };
  if (bytes === undefined || (bytes.length !== NUMBER_BYTES && bytes.length !== NUMBER_BYTES + HASH_BYTES)) return start;
  const next = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0));
  if (!Number.isSafeInteger(next) || next < 1) return start;
  return { next, last: bytes.length === NUMBER_BYTES ? undefined : { sequence: next - 1, hash: bytes.slice(NUMBER_BYTES) } };
}
