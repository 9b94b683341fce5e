import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { isA2aCall, normalA2a, readA2a, type A2aMessageJson } from "../a2a-message.ts";
import { fromBase64, isWellFormed, toBase64, toBase64url } from "../content.ts";
import { attachmentsOf, BASIC_MESSAGE, basicText, checkDidcomm, DIDCOMM_JSON, readDidcomm, withBasicText } from "../didcomm/plaintext.ts";
import { isFaithful, textOf, utf8, writeJson } from "../internal/json.ts";
import { isKeepable, readKept } from "../loss.ts";
import type { Translation, TranslationContext } from "../translation.ts";

/** A DIDComm message as an A2A message: thread as context, text of a basic message or type and body as first part, attachments as parts. */
export function didcommToA2a({ payload }: Envelope, context: TranslationContext): Translation {
  const { kept, contextId, origin, maxMessageBytes } = context;
  const json = readDidcomm(payload, maxMessageBytes);
  const before = readKept(kept, "a2a")?.["message"];
  const restored = isJsonObject(before) ? restoreA2a(before, json) : undefined;
  if (restored !== undefined) {
    return { contentType: "application/json", payload: writeJson(restored, maxMessageBytes), restored: true };
  }
  const { id, thid = id, type, body } = json;
  const attachments = attachmentsOf(json).map(partOf);
  const text = basicText(json);
  const first: JsonObject = text === undefined ? { data: { type, body: body ?? {} }, mediaType: DIDCOMM_JSON } : { text };
  const message = {
    messageId: id,
    contextId: contextId ?? thid,
    role: "ROLE_USER",
    parts: [first, ...attachments.map(({ part }) => part)],
    metadata: { bridge: { origin } },
  } as unknown as JsonObject;
  normalA2a(message);
  const bare = text === undefined ? without(json, "body") : withBasicText(json, "");
  const skeleton = attachments.length === 0 ? bare : { ...bare, attachments: attachments.map((each) => each.skeleton) };
  const lost = isFaithful(json, payload) ? [] : ["json"];
  const made = { contentType: "application/json", payload: writeJson(message, maxMessageBytes) };
  if (isKeepable(skeleton)) return { ...made, message: skeleton, lost };
  return { ...made, lost: [...lost, "headers"] };
}

/** An A2A message as a DIDComm message: a basic message with the first text, further parts as attachments, context as thread. */
export function a2aToDidcomm(envelope: Envelope, { kept, newId, maxMessageBytes }: TranslationContext): Translation | undefined {
  if (isA2aCall(envelope)) return undefined;
  const { json, message } = readA2a(envelope.payload, maxMessageBytes);
  const before = readKept(kept, "didcomm")?.["message"];
  const restored = isJsonObject(before) ? restoreDidcomm(before, message) : undefined;
  if (restored !== undefined) {
    checkDidcomm(restored);
    return { contentType: DIDCOMM_JSON, payload: writeJson(restored, maxMessageBytes), restored: true };
  }
  const { head, rest } = headOf(message);
  const made: JsonObject = {
    id: newId,
    typ: DIDCOMM_JSON,
    ...(head ?? { type: BASIC_MESSAGE, body: { content: "" } }),
    ...(message.contextId !== "" && { thid: message.contextId }),
    ...(rest.length > 0 && { attachments: rest.map(attachmentOf) }),
  };
  checkDidcomm(made);
  const skeleton = { ...message, parts: message.parts.map(emptied) };
  const lost = isSame(json, message) && isFaithful(json, envelope.payload) ? [] : ["json"];
  const translation = { contentType: DIDCOMM_JSON, payload: writeJson(made, maxMessageBytes) };
  return isKeepable(skeleton) ? { ...translation, message: skeleton, lost } : { ...translation, lost: [...lost, "message"] };
}

/** What of a message becomes type and body, and the parts that become attachments. */
function headOf({ parts }: A2aMessageJson): { readonly head: JsonObject | undefined; readonly rest: readonly JsonObject[] } {
  const [first, ...rest] = parts;
  if (first === undefined) return { head: undefined, rest };
  const { text, data, mediaType } = first;
  if (typeof text === "string") return { head: { type: BASIC_MESSAGE, body: { content: text } }, rest };
  if (mediaType === DIDCOMM_JSON && isJsonObject(data) && typeof data["type"] === "string" && isJsonObject(data["body"])) {
    return { head: { type: data["type"], body: data["body"] }, rest };
  }
  return { head: undefined, rest: parts };
}

function attachmentOf({ text, raw, url, data, filename, mediaType }: JsonObject): JsonObject {
  const named = { ...(filename !== undefined && { filename }), ...(mediaType !== undefined && { media_type: mediaType }) };
  if (typeof text === "string") {
    if (!isWellFormed(text)) return { ...named, data: { json: text } };
    return { media_type: "text/plain", ...named, data: { base64: toBase64url(utf8(text)) } };
  }
  if (typeof raw === "string") return { ...named, data: { base64: toBase64url(fromBase64(raw)) } };
  if (typeof url === "string") return { ...named, data: { links: [url] } };
  return { media_type: "application/json", ...named, data: { json: data as JsonValue } };
}

/** A part without its content, which stands elsewhere. */
function emptied({ text, raw, url, data, ...details }: JsonObject): JsonObject {
  if (text !== undefined) return { text: "", ...details };
  if (raw !== undefined) return { raw: "", ...details };
  return url === undefined ? { data: data === undefined ? null : 0, ...details } : { url: "", ...details };
}

/** The A2A message that a DIDComm message was made of. */
function restoreA2a(skeleton: JsonObject, json: JsonObject): JsonObject | undefined {
  let message: A2aMessageJson;
  try {
    message = normalA2a(skeleton);
  } catch {
    return undefined;
  }
  const attachments = attachmentsOf(json);
  const ahead = message.parts.length - attachments.length;
  if (ahead !== 0 && ahead !== 1) return undefined;
  const parts = message.parts.map((part, index) => (index < ahead ? filledByHead(part, json) : filled(part, attachments[index - ahead])));
  return parts.includes(undefined) ? undefined : { ...skeleton, parts: parts as readonly JsonObject[] };
}

function filledByHead(part: JsonObject, json: JsonObject): JsonObject | undefined {
  const text = basicText(json);
  if (part["text"] !== undefined) return text === undefined ? undefined : { ...part, text };
  return part["data"] === undefined ? undefined : { ...part, data: { type: json["type"], body: json["body"] ?? {} } };
}

function filled(part: JsonObject, attachment: JsonObject | undefined): JsonObject | undefined {
  const { base64, json, links } = (attachment?.["data"] ?? {}) as JsonObject;
  if (part["text"] !== undefined) {
    const text = typeof base64 === "string" ? textOf(fromBase64(base64)) : json;
    return typeof text === "string" ? { ...part, text } : undefined;
  }
  if (part["raw"] !== undefined) return typeof base64 === "string" ? { ...part, raw: toBase64(fromBase64(base64)) } : undefined;
  if (part["url"] !== undefined) return Array.isArray(links) ? { ...part, url: links[0] as JsonValue } : undefined;
  return json === undefined ? undefined : { ...part, data: json };
}

/** An attachment as a part, and what of it the part has no place for. */
function partOf(attachment: JsonObject): { readonly part: JsonObject; readonly skeleton: JsonObject } {
  const { filename, media_type: mediaType } = attachment;
  const data = attachment["data"] as JsonObject;
  const details = { ...(filename !== undefined && { filename }), ...(mediaType !== undefined && { mediaType }) };
  const { json, base64, links } = data;
  const isAlone = Object.keys(data).length === 1;
  if (isAlone && json !== undefined) return { part: { data: json, ...details }, skeleton: { ...attachment, data: { json: 0 } } };
  if (isAlone && typeof base64 === "string" && toBase64url(fromBase64(base64)) === base64) {
    return { part: { raw: toBase64(fromBase64(base64)), ...details }, skeleton: { ...attachment, data: { base64: "" } } };
  }
  if (isAlone && Array.isArray(links) && links.length === 1) {
    return { part: { url: links[0] as JsonValue, ...details }, skeleton: { ...attachment, data: { links: [] } } };
  }
  return { part: { data, ...details }, skeleton: { ...attachment, data: {} } };
}

/** The DIDComm message that an A2A message was made of. */
function restoreDidcomm(skeleton: JsonObject, { parts }: A2aMessageJson): JsonObject | undefined {
  const [first, ...rest] = parts;
  const attachments = Array.isArray(skeleton["attachments"]) ? (skeleton["attachments"] as readonly JsonValue[]) : [];
  if (first === undefined || rest.length !== attachments.length) return undefined;
  const { text, data } = first;
  const isBasic = basicText(skeleton) !== undefined;
  if (isBasic ? typeof text !== "string" : !isJsonObject(data)) return undefined;
  const head = isBasic ? withBasicText(skeleton, text as string) : { ...skeleton, body: (data as JsonObject)["body"] };
  if (attachments.length === 0) return head;
  return { ...head, attachments: attachments.map((attachment, index) => restoreAttachment(attachment, rest[index] ?? {})) };
}

function restoreAttachment(skeleton: JsonValue, { raw, url, data }: JsonObject): JsonValue {
  if (!isJsonObject(skeleton) || !isJsonObject(skeleton["data"])) return skeleton;
  const [form] = Object.keys(skeleton["data"]);
  if (form === "base64" && typeof raw === "string") return { ...skeleton, data: { base64: toBase64url(fromBase64(raw)) } };
  if (form === "links" && typeof url === "string") return { ...skeleton, data: { links: [url] } };
  return { ...skeleton, data: form === "json" ? { json: data } : (data as JsonValue) };
}

function isSame(one: JsonObject, other: JsonObject): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function without(json: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([member]) => member !== name));
}
