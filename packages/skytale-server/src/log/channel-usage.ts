import { createHash } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";

/** Size of a channel, for servers that do not follow the channel. */
export interface ChannelUsage {
  readonly channel: string;
  /** When its oldest entry was recorded, in milliseconds since 1970; absent without entries. */
  readonly oldest: number | undefined;
  /** Bytes by publisher. */
  readonly bytes: Iterable<readonly [publisher: string, bytes: number]>;
}

/** The key of a channel in a table, whatever characters the channel's name has. */
export function usageKey(channel: string): string {
  return createHash("sha256").update(channel).digest("base64url");
}

export function encodeUsage({ channel, oldest, bytes }: ChannelUsage): Uint8Array {
  return Buffer.from(JSON.stringify({ channel, oldest, bytes: [...bytes] }));
}

/** Only servers of this kind write usages; another value counts as an empty channel without a name. */
export function decodeUsage(value: Uint8Array): ChannelUsage {
  const parsed: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
  const { channel, oldest, bytes } = isJsonObject(parsed) ? parsed : {};
  return {
    channel: typeof channel === "string" ? channel : "",
    oldest: typeof oldest === "number" ? oldest : undefined,
    bytes: (isJsonArray(bytes) ? bytes : []).flatMap((row) =>
      isJsonArray(row) && typeof row[0] === "string" && typeof row[1] === "number" ? [[row[0], row[1]] as const] : [],
    ),
  };
}
