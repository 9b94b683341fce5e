import type { ChannelMember, ChannelMessage } from "skytale";
import { printable } from "../output/printable.ts";

/** What `parley channels create`, `join` and `leave` print. */
export interface ChannelOutput {
  readonly channel: string;
  /** Identity of the agent that acted. */
  readonly identity: string;
}

/** What `parley channels list` prints. */
export interface ChannelsOutput {
  readonly channels: readonly { readonly name: string }[];
}

/** What `parley channels send` prints. */
export interface ChannelSentOutput {
  readonly channel: string;
  /** Place in the channel's log, the same for all members. */
  readonly sequence: number;
}

/** A received message, as `parley channels listen` prints it. */
export interface ChannelMessageOutput {
  readonly channel: string;
  readonly id: string;
  readonly sequence: number;
  /** Claimed identity of the sender. */
  readonly sender: string;
  /** Its signature key in base64url. The key is verified. */
  readonly senderKey: string;
  /** Time at which the relay recorded it, ISO 8601. The relay states it. */
  readonly recordedAt: string;
  /** The message, if it is UTF-8. */
  readonly text?: string | undefined;
  /** The message in base64url, if it is not UTF-8. */
  readonly data?: string | undefined;
}

/** What `parley channels members` prints. */
export interface MembersOutput {
  readonly channel: string;
  readonly safetyNumber: string;
  readonly members: readonly { readonly name: string; readonly key: string; readonly leaf: number }[];
}

/** What `parley channels audit` prints. */
export interface ChannelAuditOutput {
  readonly channel: string;
  /** Identity of the agent that has the chain. */
  readonly identity: string;
  readonly file: string;
  readonly bytes: number;
}

/** The output of `parley channels invite`, before anyone has joined. */
export interface InviteOutput {
  readonly channel: string;
  /** Anyone who has it can join. */
  readonly token: string;
}

/** An entry of a channel's log, as `parley channels tail` prints it. */
export interface LogEntryOutput {
  readonly sequence: number;
  readonly kind: string;
  readonly epoch: string;
  readonly bytes: number;
  /** Time at which the relay recorded it, ISO 8601. */
  readonly recordedAt?: string | undefined;
  /** The ciphertext in base64url. */
  readonly payload: string;
  /** For `evicted`: number of entries that the relay no longer has. */
  readonly evicted?: number | undefined;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The parts of a received message that are printed. */
export function channelMessageOutput(channel: string, message: ChannelMessage): ChannelMessageOutput {
  const { id, sequence, senderName, senderKey, recordedAt, data } = message;
  return {
    channel,
    id,
    sequence,
    sender: senderName,
    senderKey: Buffer.from(senderKey).toString("base64url"),
    recordedAt: new Date(recordedAt).toISOString(),
    ...textOrData(data),
  };
}

/** One line for people. */
export function formatChannelMessage({ sender, text, data = "" }: ChannelMessageOutput): string {
  return `${printable(sender)}: ${printable(text ?? `base64url:${data}`)}`;
}

/** The members and what identifies them together. */
export function membersOutput(channel: string, safetyNumber: string, members: readonly ChannelMember[]): MembersOutput {
  const list = members.map(({ name, signatureKey, leaf }) => ({ name, key: Buffer.from(signatureKey).toString("base64url"), leaf }));
  return { channel, safetyNumber, members: list };
}

/** A member a line, then the safety number. */
export function formatMembers({ members, safetyNumber }: MembersOutput): string {
  return [...members.map(({ name, key }) => `${printable(name)}\t${key}`), `safety number ${safetyNumber}`].join("\n");
}

/** One line for people, with the first bytes of the ciphertext. */
export function formatLogEntry({ sequence, kind, epoch, bytes, payload, evicted }: LogEntryOutput): string {
  if (evicted !== undefined) return `${sequence}\tevicted\t${evicted} entries`;
  return `${sequence}\t${kind}\tepoch ${epoch}\t${bytes} B\t${payload.slice(0, 43)}${payload.length > 43 ? "…" : ""}`;
}

function textOrData(data: Uint8Array): Pick<ChannelMessageOutput, "text" | "data"> {
  try {
    return { text: decoder.decode(data) };
  } catch {
    return { data: Buffer.from(data).toString("base64url") };
  }
}
