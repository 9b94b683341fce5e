import { createHash } from "node:crypto";

/** An applied entry of the log. */
export interface AppliedEntry {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** The next sequence number to read, and the entry applied last, which identifies the log after a reconnect. */
export interface LogCursor {
  readonly next: number;
  readonly last: AppliedEntry | undefined;
}

const NUMBER_BYTES = 8;
const HASH_BYTES = 32;

export function entryHash(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(payload).digest());
}

/** `next: u64`, then the hash of the entry applied last, if there is one. */
export function encodeCursor({ next, last }: LogCursor): Uint8Array {
  const bytes = new Uint8Array(last === undefined ? NUMBER_BYTES : NUMBER_BYTES + HASH_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(next));
  if (last !== undefined) bytes.set(last.hash, NUMBER_BYTES);
  return bytes;
}

/** Reads {@link encodeCursor}. Malformed bytes mean the start of the log: entries applied before are recognized by the engine, and skipped. */
export function decodeCursor(bytes: Uint8Array | undefined): LogCursor {
  const start: LogCursor = { next: 1, last: undefined };
  if (bytes === undefined || (bytes.length !== NUMBER_BYTES && bytes.length !== NUMBER_BYTES + HASH_BYTES)) return start;
  const next = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0));
  if (!Number.isSafeInteger(next) || next < 1) return start;
  return { next, last: bytes.length === NUMBER_BYTES ? undefined : { sequence: next - 1, hash: bytes.slice(NUMBER_BYTES) } };
}
