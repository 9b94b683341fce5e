import type { JsonObject } from "@parley/core";
import type { ReceivedMessage } from "layr8";
import { printable } from "../output/printable.ts";

/** A received message, as `parley request` and `parley listen` print it. */
export interface MessageOutput {
  readonly id: string;
  readonly type: string;
  readonly from?: string | undefined;
  readonly to: readonly string[];
  readonly thread?: string | undefined;
  readonly body: JsonObject;
}

/** What `parley send` prints. */
export interface SentOutput {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly type: string;
}

/** What `parley ping` prints. */
export interface PingOutput {
  readonly did: string;
  /** Time to the agent, or to the node that answers for it, and back. */
  readonly ms: number;
}

/** The parts of a received message that are printed. */
export function messageOutput({ id, type, from, to, threadId, body }: ReceivedMessage): MessageOutput {
  return { id, type, ...(from !== undefined && { from }), to, ...(threadId !== undefined && { thread: threadId }), body };
}

/** Two lines for people. */
export function formatMessage({ id, type, from, body }: MessageOutput): string {
  return `${printable(type)}  from ${printable(from ?? "?")}  id=${printable(id)}\n${printable(JSON.stringify(body))}`;
}
