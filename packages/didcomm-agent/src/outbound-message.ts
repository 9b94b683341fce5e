import { createMessage, type Message, type MessageInit } from "@parley/core";
import {
  checkAttachment,
  checkJson,
  checkOption,
  describeKind,
  rejectUnknownOptions,
  warnOnce,
  type OptionCheck,
} from "@parley/core/eager";

import { requireDid, requireDidUrl } from "./did-syntax.ts";
import { requireMessageType } from "./handlers.ts";
import type { InboundMessage } from "./inbound-message.ts";
import type { Mutable } from "./mutable.ts";

/** Members of a message; the last three are those of received messages, which may be forwarded unchanged. */
const MEMBERS: readonly (keyof MessageInit | keyof InboundMessage)[] = [
  "type",
  "to",
  "id",
  "from",
  "threadId",
  "parentThreadId",
  "body",
  "attachments",
  "createdTime",
  "expiresTime",
  "traceContext",
  "headers",
  "context",
  "unmarshalBody",
  "ack",
];

const TEXTS = ["id", "threadId", "parentThreadId"] as const;
const IS_STRING: OptionCheck = { expected: "a string", is: (value) => typeof value === "string" };
const IS_TIME: OptionCheck = { expected: "seconds since 1970", is: (value) => Number.isFinite(value) };
/** A later time, in seconds, was most likely meant in milliseconds. It is in the year 5138. */
const SUSPICIOUS_SECONDS = 1e11;

/**
 * Makes a message to be sent, and checks what the program states of it. An empty `from`, `threadId` or `parentThreadId` counts as absent.
 *
 * @throws TypeError naming the member that is wrong.
 */
export function outboundMessage(init: MessageInit): Mutable<Message> {
  checkMembers(init);
  checkAddresses(init);
  const message: Mutable<Message> = createMessage(init);
  for (const member of ["from", "threadId", "parentThreadId"] as const) if (message[member] === "") delete message[member];
  checkContent(message);
  return message;
}

/** Checks whom a program sends a message to, and as whom. @throws TypeError naming the member that is wrong. */
export function checkAddresses({ to = [], from = "" }: MessageInit): void {
  if (typeof to !== "string" && !Array.isArray(to))
    throw new TypeError(`message.to must be a DID, or a list of DIDs, not ${describeKind(to)}`);
  for (const did of typeof to === "string" ? [to] : to) requireDidUrl("message.to", did);
  if (from !== "") requireDid("message.from", from);
}

/** Checks the parts of a message that a program states in a reply too. @throws TypeError naming the member that is wrong. */
export function checkMessage(message: Message): void {
  checkMembers(message);
  checkContent(message);
}

function checkContent(message: Message): void {
  requireMessageType(message.type);
  for (const member of TEXTS) if (typeof message[member] !== "string") checkOption(`message.${member}`, message[member], IS_STRING);
  const { body, createdTime, expiresTime, attachments } = message;
  checkTime("createdTime", createdTime);
  checkTime("expiresTime", expiresTime);
  if (expiresTime !== undefined && expiresTime < 0) throw new TypeError("message.expiresTime must be seconds since 1970");
  checkJson("A message", "body", body);
  if (attachments === undefined) return;
  if (!Array.isArray(attachments)) throw new TypeError(`message.attachments must be a list, not ${describeKind(attachments)}`);
  attachments.forEach(checkAttachment);
}

function checkTime(member: string, seconds: number | undefined): void {
  if (seconds === undefined) return;
  checkOption(`message.${member}`, seconds, IS_TIME);
  if (seconds < SUSPICIOUS_SECONDS) return;
  warnOnce("PARLEY_TIME_UNIT", `"message.${member}: ${seconds}" is a time in seconds since 1970; Date.now() gives milliseconds`);
}

function checkMembers(init: MessageInit): void {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(`A message must be an object such as { type, to, body }, not ${describeKind(init)}`);
  }
  rejectUnknownOptions(init, MEMBERS, "message.");
}
