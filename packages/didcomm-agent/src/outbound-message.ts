import { createMessage, type Message, type MessageInit } from "@parley/core";
import { rejectUnknownOptions } from "@parley/core/internal";

import { requireDid, requireDidUrl } from "./did-syntax.ts";
import { requireMessageType } from "./handlers.ts";
import type { InboundMessage } from "./inbound-message.ts";
import { checkJsonBody } from "./json-body.ts";
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

/**
 * Makes a message to be sent, and checks what the program states of it.
 *
 * @throws TypeError naming the member that is wrong.
 */
export function outboundMessage(init: MessageInit): Mutable<Message> {
  checkMembers(init);
  const { to = [], from } = init;
  if (typeof to !== "string" && !Array.isArray(to)) throw new TypeError("message.to must be a DID, or a list of DIDs");
  for (const did of typeof to === "string" ? [to] : to) requireDidUrl("message.to", did);
  if (from !== undefined) requireDid("message.from", from);
  const message = createMessage(init);
  checkMessage(message);
  return message;
}

/** Checks the parts of a message that a program states in a reply too. @throws TypeError naming the member that is wrong. */
export function checkMessage(message: Message): void {
  checkMembers(message);
  requireMessageType(message.type);
  const { body, expiresTime } = message;
  if (expiresTime !== undefined && !(Number.isFinite(expiresTime) && expiresTime >= 0)) {
    throw new TypeError("message.expiresTime must be seconds since 1970");
  }
  checkJsonBody(body);
}

function checkMembers(init: MessageInit): void {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(`A message must be an object such as { type, to, body }, not ${init === null ? "null" : typeof init}`);
  }
  rejectUnknownOptions(init, MEMBERS, "message.");
}
