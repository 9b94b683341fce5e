import type { Attachment } from "./attachment.ts";
import { readAttachment, writeAttachment } from "./attachment-codec.ts";
import { PlaintextError } from "./plaintext-error.ts";
import type { Mutable } from "./internal/mutable.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import type { Message } from "./message.ts";
import { MAX_TYPE_LENGTH } from "./message-type.ts";
import { readTime } from "./time.ts";
import { readTraceContext } from "./trace-context.ts";

/** Caps on what a peer may put into one message. Its size in bytes is capped where bytes arrive, by the transport. */
export interface PlaintextLimits {
  /** Entries of `to`. Default 256. */
  readonly maxRecipients: number;
  /** Entries of `attachments`. Default 256. */
  readonly maxAttachments: number;
  /** Headers that this library does not know. Default 64. */
  readonly maxHeaders: number;
  /** Characters of an id, a thread id or a DID. Default 2048. */
  readonly maxIdLength: number;
}

const DEFAULT_LIMITS: PlaintextLimits = { maxRecipients: 256, maxAttachments: 256, maxHeaders: 64, maxIdLength: 2048 };

/** What {@link decodePlaintext} makes of a plaintext. */
export interface DecodedMessage {
  readonly message: Message;
  /** One error for each attachment that could not be read and is missing from `message.attachments`. */
  readonly attachmentFaults: readonly PlaintextError[];
}

const KNOWN = new Set([
  "id",
  "type",
  "typ",
  "from",
  "to",
  "thid",
  "pthid",
  "body",
  "attachments",
  "created_time",
  "expires_time",
  "trace_context",
]);

/** MIME type of a DIDComm plaintext, the only `typ` that is read; with or without `application/`, as in JOSE (RFC 7515, 4.1.9). */
const PLAINTEXT_TYP = /^(application\/)?didcomm-plain\+json$/i;

/**
 * Reads a DIDComm v2 plaintext: parsed JSON, every member checked.
 *
 * Attachments are read in a second pass: one that is malformed is left out and reported, and never costs the message. A malformed
 * `trace_context` or `created_time` is dropped silently. `created_time` and `expires_time` may be numbers, or text with a number or an
 * ISO 8601 time. Unknown headers are kept in `headers`.
 *
 * @throws PlaintextError `message_invalid` or `message_too_large`, naming the member.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#plaintext-message-structure | DIDComm v2.1, Plaintext Message
 * Structure}
 * @example
 * ```ts
 * import { decodePlaintext } from "@parley/core";
 *
 * const { message } = decodePlaintext(JSON.parse('{"id":"1","type":"https://didcomm.org/basicmessage/2.0/message"}'));
 * ```
 */
export function decodePlaintext(value: unknown, limits?: Partial<PlaintextLimits>): DecodedMessage {
  if (!isJsonObject(value)) throw new PlaintextError("message_invalid", "A message must be a JSON object");
  const caps = limits === undefined ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, ...limits };
  const id = requiredText(value, "id", caps.maxIdLength);
  const type = requiredText(value, "type", MAX_TYPE_LENGTH);
  const typ = optionalText(value, "typ", caps.maxIdLength);
  if (typ !== undefined && !PLAINTEXT_TYP.test(typ)) {
    throw new PlaintextError("message_invalid", "typ must be application/didcomm-plain+json");
  }
  const from = optionalText(value, "from", caps.maxIdLength);
  const threadId = optionalText(value, "thid", caps.maxIdLength);
  const parentThreadId = optionalText(value, "pthid", caps.maxIdLength);
  const createdTime = readTime(value["created_time"] ?? null);
  const expiresTime = readExpiry(value["expires_time"]);
  const traceContext = readTraceContext(value["trace_context"]);
  const headers = readHeaders(value, caps.maxHeaders);
  const { attachments, attachmentFaults } = readAttachments(value["attachments"], caps.maxAttachments);
  const message: Mutable<Message> = { id, type, to: readRecipients(value["to"], caps), body: readBody(value["body"]) };
  if (from !== undefined) message.from = from;
  if (threadId !== undefined) message.threadId = threadId;
  if (parentThreadId !== undefined) message.parentThreadId = parentThreadId;
  if (attachments !== undefined) message.attachments = attachments;
  if (createdTime !== undefined) message.createdTime = createdTime;
  if (expiresTime !== undefined) message.expiresTime = expiresTime;
  if (traceContext !== undefined) message.traceContext = traceContext;
  if (headers !== undefined) message.headers = headers;
  return { message, attachmentFaults };
}

/**
 * Writes a message as a DIDComm v2 plaintext, ready for `JSON.stringify`. `context` stays behind. A header in `headers` that has the
 * name of a member of {@link Message} on the wire is left out: the member is the truth.
 */
export function encodePlaintext(message: Message): JsonObject {
  const { from, threadId, parentThreadId, createdTime, expiresTime, traceContext, attachments, headers } = message;
  const plaintext: Record<string, JsonValue> = { id: message.id, type: message.type, to: message.to, body: message.body };
  if (from !== undefined) plaintext["from"] = from;
  if (threadId !== undefined) plaintext["thid"] = threadId;
  if (parentThreadId !== undefined) plaintext["pthid"] = parentThreadId;
  if (createdTime !== undefined) plaintext["created_time"] = createdTime;
  if (expiresTime !== undefined) plaintext["expires_time"] = expiresTime;
  if (traceContext !== undefined) plaintext["trace_context"] = { ...traceContext };
  if (attachments !== undefined && attachments.length > 0) plaintext["attachments"] = attachments.map(writeAttachment);
  if (headers === undefined) return plaintext;
  for (const name of Object.keys(headers)) {
    const header = headers[name];
    if (header === undefined || KNOWN.has(name)) continue;
    if (name === "__proto__") Object.defineProperty(plaintext, name, { value: header, enumerable: true });
    else plaintext[name] = header;
  }
  return plaintext;
}

function requiredText(value: JsonObject, member: string, maxLength: number): string {
  const text = optionalText(value, member, maxLength);
  if (text === undefined) throw new PlaintextError("message_invalid", `${member} is missing`);
  return text;
}

/** Some agents write an empty string for what is absent. */
function optionalText(value: JsonObject, member: string, maxLength: number): string | undefined {
  const text = value[member];
  if (text === undefined || text === null || text === "") return undefined;
  if (typeof text !== "string") throw new PlaintextError("message_invalid", `${member} must be a string`);
  if (text.length > maxLength) throw new PlaintextError("message_too_large", `${member} is longer than ${maxLength} characters`);
  return text;
}

/** Unlike `created_time`, this one is never dropped: otherwise the message would be delivered after its expiry. */
function readExpiry(expires: JsonValue | undefined): number | undefined {
  if (expires === undefined || expires === null || expires === "") return undefined;
  const time = readTime(expires);
  if (time !== undefined) return time;
  throw new PlaintextError("message_invalid", "expires_time must be seconds since 1970, or text such as 2026-01-31T12:00:00Z");
}

function readRecipients(to: JsonValue | undefined, caps: PlaintextLimits): readonly string[] {
  if (to === undefined || to === null) return [];
  if (!isJsonArray(to)) throw new PlaintextError("message_invalid", "to must be a list of DIDs");
  if (to.length > caps.maxRecipients) throw new PlaintextError("message_too_large", `to has more than ${caps.maxRecipients} entries`);
  for (const did of to) {
    if (typeof did !== "string" || did === "") throw new PlaintextError("message_invalid", "to must be a list of DIDs");
    if (did.length > caps.maxIdLength) {
      throw new PlaintextError("message_too_large", `a DID in to is longer than ${caps.maxIdLength} characters`);
    }
  }
  return to as readonly string[];
}

function readBody(body: JsonValue | undefined): JsonObject {
  if (body === undefined || body === null) return {};
  if (!isJsonObject(body)) throw new PlaintextError("message_invalid", "body must be a JSON object");
  return body;
}

function readHeaders(value: JsonObject, maxHeaders: number): Readonly<Record<string, JsonValue>> | undefined {
  let entries: [string, JsonValue][] | undefined;
  for (const name of Object.keys(value)) {
    if (KNOWN.has(name)) continue;
    const header = value[name];
    if (header !== undefined) (entries ??= []).push([name, header]);
  }
  if (entries === undefined) return undefined;
  if (entries.length > maxHeaders) throw new PlaintextError("message_too_large", `The message has more than ${maxHeaders} unknown headers`);
  return Object.fromEntries(entries);
}

const NO_ATTACHMENTS = { attachmentFaults: [] };

function readAttachments(
  value: JsonValue | undefined,
  maxAttachments: number,
): { attachments?: readonly Attachment[]; attachmentFaults: readonly PlaintextError[] } {
  if (value === undefined || value === null) return NO_ATTACHMENTS;
  if (!isJsonArray(value)) {
    return { attachmentFaults: [new PlaintextError("attachment_invalid", "attachments must be a list")] };
  }
  const attachments: Attachment[] = [];
  const attachmentFaults: PlaintextError[] = [];
  for (const [index, entry] of value.entries()) {
    if (index >= maxAttachments) {
      attachmentFaults.push(
        new PlaintextError("attachment_invalid", `There are more than ${maxAttachments} attachments; the rest is left out`),
      );
      break;
    }
    try {
      attachments.push(readAttachment(entry, index));
    } catch (error) {
      if (!(error instanceof PlaintextError)) throw error;
      attachmentFaults.push(error);
    }
  }
  return { attachments, attachmentFaults };
}
