import type { GroupRow } from "@parley/mls-engine";

/**
 * What a channel keeps in the partition of its group, beside the engine's own rows:
 *
 * | row | content |
 * | --- | --- |
 * | `channel` | the channel's name; the group is set up |
 * | `cursor` | where the log goes on (`log-cursor.ts`) |
 * | `joined` | the first epoch that we were a member in |
 * | `update` | we are new, and haven't changed our keys since |
 * | `leaving` | we have asked to leave |
 * | `in/<n>` | a message that was decrypted and not taken yet |
 * | `late/<n>` | key of entry n of the log, which came too late to be read (`late-entries.ts`) |
 */
export const NAME_ROW = "channel";
export const CURSOR_ROW = "cursor";
export const JOINED_ROW = "joined";
export const UPDATE_ROW = "update";
export const LEAVING_ROW = "leaving";
export const INBOX_PREFIX = "in/";
export const LATE_PREFIX = "late/";

/**
 * Erases what must not outlive a membership: who is let in again has the same group, and the same partition. Messages that nobody has
 * taken stay.
 */
export const ENDED_ROWS: readonly GroupRow[] = [NAME_ROW, JOINED_ROW, UPDATE_ROW, LEAVING_ROW].map((key) => ({ key, value: undefined }));

const DIGITS = 16;

/** Keys sort as their numbers do. */
export function numberedKey(prefix: string, number: number): string {
  return prefix + String(number).padStart(DIGITS, "0");
}

/** Reads {@link numberedKey}. */
export function numberOf(key: string, prefix: string): number {
  return Number(key.slice(prefix.length));
}

export function numberValue(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Reads {@link numberValue}; `undefined` where there is none. */
export function valueNumber(bytes: Uint8Array | undefined): bigint | undefined {
  return bytes?.length === 8 ? new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0) : undefined;
}
