import type { GroupRow } from "@parley/mls-engine";

/**
 * The rows of a channel in the partition of its group, in addition to the engine's rows:
 *
 * | row | content |
 * | --- | --- |
 * | `channel` | the channel's name; present once the group is set up |
 * | `cursor` | how far the log is applied (`log-cursor.ts`) |
 * | `joined` | the first epoch in which this agent was a member |
 * | `update` | present until a new member has updated its keys |
 * | `leaving` | present once this agent has asked to leave; contains the proposal |
 * | `in/<n>` | a received message that is not settled |
 * | `late/<n>` | publish key of log entry n, which was recorded too late to be decrypted (`late-entries.ts`) |
 * | `audit/chain` | the end of the audit chain, and what retention has removed (`audit/channel-audit.ts`) |
 * | `audit/entry/<n>` | entry n of the audit chain |
 * | `audit/sent/<n>` | a message that may be published, until the log has it (`audit/sent-messages.ts`) |
 * | `audit/gap` | why the next entry of the audit chain does not follow the one before |
 */
export const NAME_ROW = "channel";
export const CURSOR_ROW = "cursor";
export const JOINED_ROW = "joined";
export const UPDATE_ROW = "update";
export const LEAVING_ROW = "leaving";
export const INBOX_PREFIX = "in/";
export const LATE_PREFIX = "late/";
export const AUDIT_PREFIX = "audit/";
export const AUDIT_CHAIN_ROW = "audit/chain";
export const AUDIT_ENTRY_PREFIX = "audit/entry/";
export const AUDIT_SENT_PREFIX = "audit/sent/";
export const AUDIT_GAP_ROW = "audit/gap";

/**
 * Erases the rows that belong to one membership: an agent that is removed and added again has the same group and partition. Unsettled
 * messages are kept.
 */
export const ENDED_ROWS: readonly GroupRow[] = [NAME_ROW, JOINED_ROW, UPDATE_ROW, LEAVING_ROW].map((key) => ({ key, value: undefined }));

const DIGITS = 16;

/** Keys sort in numeric order. */
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

/** Reads {@link numberValue}; `undefined` if the row is missing. */
export function valueNumber(bytes: Uint8Array | undefined): bigint | undefined {
  return bytes?.length === 8 ? new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0) : undefined;
}
