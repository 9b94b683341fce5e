import type { JsonObject } from "@parley/core";
import type { Receipt, ReceiptState, ReceivedMessage } from "layr8";
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

/** A receipt, as `parley send --until` prints it. */
export interface ReceiptOutput {
  readonly state: ReceiptState;
  /** Id of the message. */
  readonly message: string;
  /** The recipient that the receipt is about. */
  readonly from: string;
  /** Seconds since 1970. */
  readonly time?: number | undefined;
  /** Problem code of `failed`. */
  readonly code?: string | undefined;
  /** SHA-256 of the message that was received, in base64url. Absent if the receipt says nothing about its content. */
  readonly digest?: string | undefined;
  /** The receipt as it was signed, a JWS in JSON. Absent if it is a plain acknowledgement. */
  readonly signed?: string | undefined;
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

/** The parts of a receipt that are printed. */
export function receiptOutput({ state, messageId: message, from, time, code, digest, signed }: Receipt): ReceiptOutput {
  return {
    state,
    message,
    from,
    ...(time !== undefined && { time }),
    ...(code !== undefined && { code }),
    ...(digest !== undefined && { digest }),
    ...(signed !== undefined && { signed }),
  };
}

/** A line for people. */
export function formatReceipt({ state, message, from, code, digest, signed }: ReceiptOutput): string {
  const why = code === undefined ? "" : `: ${printable(code)}`;
  const lack = signed === undefined ? "  (not signed)" : digest === undefined ? "  (without the digest of the message)" : "";
  return `${state}${why}  by ${printable(from)}  id=${printable(message)}${lack}`;
}
