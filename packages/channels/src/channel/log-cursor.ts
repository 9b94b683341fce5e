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
/** Length without an entry, with the one right before the next, and with an earlier one. */
const [BARE, WITH_LAST, WITH_EARLIER] = [NUMBER_BYTES, NUMBER_BYTES + HASH_BYTES, 2 * NUMBER_BYTES + HASH_BYTES];

export function entryHash(payload: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(payload).digest());
}

/**
 * `next: u64`, then the hash of the entry applied last, if there is one. Its sequence number, a u64, follows if evicted entries come after it;
 * otherwise it is the one before `next`.
 */
export function encodeCursor({ next, last }: LogCursor): Uint8Array {
  const isEarlier = last !== undefined && last.sequence !== next - 1;
  const bytes = new Uint8Array(last === undefined ? BARE : isEarlier ? WITH_EARLIER : WITH_LAST);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(next));
  if (last !== undefined) bytes.set(last.hash, NUMBER_BYTES);
  if (isEarlier) view.setBigUint64(WITH_LAST, BigInt(last.sequence));
  return bytes;
}

/** Reads {@link encodeCursor}. Malformed bytes mean the start of the log: entries applied before are recognized by the engine, and skipped. */
export function decodeCursor(bytes: Uint8Array | undefined): LogCursor {
  const start: LogCursor = { next: 1, last: undefined };
  if (bytes === undefined || ![BARE, WITH_LAST, WITH_EARLIER].includes(bytes.length)) return start;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const next = Number(view.getBigUint64(0));
  if (!Number.isSafeInteger(next) || next < 1) return start;
  if (bytes.length === BARE) return { next, last: undefined };
  const sequence = bytes.length === WITH_EARLIER ? Number(view.getBigUint64(WITH_LAST)) : next - 1;
  return { next, last: { sequence, hash: bytes.slice(NUMBER_BYTES, WITH_LAST) } };
}
