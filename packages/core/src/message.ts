import type { Attachment } from "./attachment.ts";
import { describeKind } from "./internal/describe-kind.ts";
import type { Mutable } from "./internal/mutable.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** W3C Trace Context that travels with a message, so that a trace crosses agents. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** A credential that the sender presented, verified by the recipient's node. Only the claims are there on every node. */
export interface SenderCredential {
  /** Claims about the sender; `id` is the DID they are about. */
  readonly credentialSubject: JsonObject;
  /** DID of the issuer. */
  readonly issuer?: string;
  /** The credential's types, `VerifiableCredential` among them. */
  readonly type?: readonly string[];
  /** The credential's id. */
  readonly id?: string;
  /** RFC 3339 text. */
  readonly validFrom?: string;
  /** RFC 3339 text. */
  readonly validUntil?: string;
}

/** What is known about an inbound message. It comes from the node, except for `replyExpected`. */
export interface MessageContext {
  /** The DID that this copy of the message was delivered to. */
  readonly recipient?: string;
  /** Whether the node's policy authorized the sender. */
  readonly authorized?: boolean;
  /** Credentials that the sender presented and the node verified. */
  readonly senderCredentials: readonly SenderCredential[];
  /** Which delivery of this message it is, from 1, where the node counts them. */
  readonly attempt?: number;
  /** Whether the sender waits for a response, according to its client (`request` sets it). Absent if the client does not set it. */
  readonly replyExpected?: boolean;
}

/**
 * A DIDComm v2 message in the clear.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#plaintext-message-structure | DIDComm v2.1, Plaintext Message
 * Structure}
 */
export interface Message {
  /** Unique for its sender. */
  readonly id: string;
  /** Message-type URI, such as `https://layr8.io/protocols/echo/1.0/request`. */
  readonly type: string;
  /** Sender's DID. Absent on an anonymous message. */
  readonly from?: string;
  /** Recipients' DIDs. */
  readonly to: readonly string[];
  /** Thread that the message belongs to (`thid`). A message that starts a thread may leave it out: the thread is then its `id`. */
  readonly threadId?: string;
  /** Thread that this thread came out of (`pthid`). */
  readonly parentThreadId?: string;
  /** The payload, by the rules of the message's protocol. */
  readonly body: JsonObject;
  readonly attachments?: readonly Attachment[];
  /** Seconds since 1970, as the sender's clock has it. Negative before 1970; may have a fraction. */
  readonly createdTime?: number;
  /** Seconds since 1970 after which the message is void. */
  readonly expiresTime?: number;
  readonly traceContext?: TraceContext;
  /** On inbound messages: the node's information about the message. Never sent. */
  readonly context?: MessageContext;
  /** Headers that this library does not know, by their name on the wire; kept as they came. */
  readonly headers?: Readonly<Record<string, JsonValue>>;
}

/** What a program states of a message it makes; the rest is filled in. */
export interface MessageInit {
  readonly type: string;
  /** One DID or several. */
  readonly to?: string | readonly string[];
  /** Default: a new UUID. */
  readonly id?: string;
  readonly from?: string;
  readonly threadId?: string;
  readonly parentThreadId?: string;
  /** Anything that `JSON.stringify` writes as an object. Default `{}`, also for `null`. */
  readonly body?: object | null;
  readonly attachments?: readonly Attachment[];
  readonly createdTime?: number;
  readonly expiresTime?: number;
  readonly traceContext?: TraceContext;
  readonly headers?: Readonly<Record<string, JsonValue>>;
}

/** The thread of a message: its `threadId`, or its own id when it starts one. */
export function threadOf(message: Pick<Message, "id" | "threadId">): string {
  return message.threadId ?? message.id;
}

/**
 * Makes a message: a new UUID unless an id is given, `to` as a list, `{}` for a missing body.
 *
 * @throws TypeError when `type` is empty or `body` is not an object.
 * @example
 * ```ts
 * import { createMessage } from "@parley/core";
 *
 * const ping = createMessage({
 *   type: "https://layr8.io/protocols/echo/1.0/request",
 *   to: "did:web:partner.example:echo",
 *   body: { message: "ping" },
 * });
 * ```
 */
export function createMessage(init: MessageInit): Message {
  if (typeof init.type !== "string" || init.type === "") throw new TypeError("A message needs a type: a message-type URI");
  const { to, id } = init;
  const body = init.body ?? {};
  if (typeof body !== "object" || Array.isArray(body)) {
    const remedy = typeof body === "string" ? ": put the text into a member, such as { text }" : "";
    throw new TypeError(`A message body must be an object, not ${describeKind(body)}${remedy}`);
  }
  // Members added to the copy that a spread makes cost many times as much.
  return Object.assign({}, init, {
    id: id === undefined || id === "" ? globalThis.crypto.randomUUID() : id,
    to: to === undefined ? [] : typeof to === "string" ? [to] : [...to],
    body: body as JsonObject,
  });
}

/**
 * Makes the answer to a message: addressed to its sender, on its thread, with its trace context; what `init` states wins.
 *
 * @param from the answering DID: one of the request's recipients.
 */
export function replyTo(request: Message, from: string, init: MessageInit): Message {
  const filled: Mutable<MessageInit> = { type: init.type, from, threadId: threadOf(request) };
  if (request.from !== undefined) filled.to = request.from;
  if (request.traceContext !== undefined) filled.traceContext = request.traceContext;
  return createMessage(Object.assign(filled, init));
}
