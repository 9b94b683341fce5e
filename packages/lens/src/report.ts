import type { JsonObject } from "@parley/core";

/** What an agent knows of its channels. Has no text of messages and no keys but public ones. */
export interface ChannelsReport {
  readonly kind: "channels";
  readonly channels: readonly ChannelReport[];
}

/** A channel as one member sees it. */
export interface ChannelReport {
  readonly name: string;
  readonly epoch: number;
  /** Equal for all members in one epoch. Members with different numbers in one epoch are in different groups: a fork. */
  readonly safetyNumber: string;
  readonly members: readonly MemberReport[];
  /** The latest commits since the agent started, oldest first. */
  readonly commits: readonly CommitReport[];
  /** Entries that this member could not read, oldest first. */
  readonly unread: readonly UnreadReport[];
  /** How long the latest messages took. Absent before the first one, and from agents of earlier versions. */
  readonly decryption?: DecryptionReport | undefined;
  /** The latest problem of the channel. */
  readonly problem?: ProblemReport | undefined;
}

/** A member of a channel. */
export interface MemberReport {
  /** Its identity as text. */
  readonly name: string;
  /** First 16 hexadecimal digits of the SHA-256 of its signature key. */
  readonly key: string;
  /** Leaf index in the group. */
  readonly leaf: number;
  /** Absent if it was a member before the agent started. */
  readonly added?: { readonly epoch: number; readonly time: number; readonly by: string } | undefined;
}

/** The effect of a commit. */
export interface CommitReport {
  /** The new epoch. */
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly by: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** An entry of a channel's log that a member could not read. */
export interface UnreadReport {
  readonly sequence: number;
  /** Number of entries from `sequence` on. */
  readonly count: number;
  readonly code: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Times of decrypting and storing a message, of the latest 256. */
export interface DecryptionReport {
  /** Messages since the agent started. */
  readonly count: number;
  readonly medianMs: number;
  /** 95 of 100 took at most this long. */
  readonly slowMs: number;
}

/** A problem that an operator should know. */
export interface ProblemReport {
  readonly code: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** What a program knows of its bridges. Has no content of messages; tools are as their MCP server describes them. */
export interface BridgesReport {
  readonly kind: "bridges";
  readonly bridges: readonly BridgeReport[];
}

/** One bridge. */
export interface BridgeReport {
  readonly source: string;
  readonly target: string;
  readonly sourceProtocol: string;
  readonly targetProtocol: string;
  readonly status: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Messages by what became of them, such as `forwarded`. */
  readonly counters: Readonly<Record<string, number>>;
  /** The latest errors, oldest first. */
  readonly problems: readonly ProblemReport[];
  /** Tools of the MCP server that it calls. Absent without tools, and above the size of a report. */
  readonly tools?: readonly ToolReport[] | undefined;
}

/** A tool of an MCP server. */
export interface ToolReport {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its arguments. */
  readonly inputSchema?: JsonObject | undefined;
}

/** What a lens reports. */
export type LensReport = ChannelsReport | BridgesReport;
