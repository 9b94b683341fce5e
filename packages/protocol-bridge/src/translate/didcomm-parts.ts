import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { normalizeA2a, type A2aMessageJson } from "../formats/a2a-message.ts";
import { fromBase64, isWellFormed, toBase64, toBase64url } from "./content.ts";
import { attachmentsOf, BASIC_MESSAGE, basicText, DIDCOMM_JSON, withBasicText } from "../formats/didcomm-plaintext.ts";
import { textOf, utf8 } from "../internal/json.ts";

/** Splits a message into DIDComm type and body (`head`) and the parts that become attachments (`rest`). */
export function headOf({ parts }: A2aMessageJson): { readonly head: JsonObject | undefined; readonly rest: readonly JsonObject[] } {
  const [first, ...rest] = parts;
  if (first === undefined) return { head: undefined, rest };
  const { text, data, mediaType } = first;
  if (typeof text === "string") return { head: { type: BASIC_MESSAGE, body: { content: text } }, rest };
  if (mediaType === DIDCOMM_JSON && isJsonObject(data) && typeof data["type"] === "string" && isJsonObject(data["body"])) {
    return { head: { type: data["type"], body: data["body"] }, rest };
  }
  return { head: undefined, rest: parts };
}

/** Translates an A2A part to a DIDComm attachment. */
export function attachmentOf({ text, raw, url, data, filename, mediaType }: JsonObject): JsonObject {
  const named = { ...(filename !== undefined && { filename }), ...(mediaType !== undefined && { media_type: mediaType }) };
  if (typeof text === "string") {
    if (!isWellFormed(text)) return { ...named, data: { json: text } };
    return { media_type: "text/plain", ...named, data: { base64: toBase64url(utf8(text)) } };
  }
  if (typeof raw === "string") return { ...named, data: { base64: toBase64url(fromBase64(raw)) } };
  if (typeof url === "string") return { ...named, data: { links: [url] } };
  return { media_type: "application/json", ...named, data: { json: data as JsonValue } };
}

/** Removes the content of a part, for the kept form: the content is in the translated message. */
export function withoutContent({ text, raw, url, data: _data, ...details }: JsonObject): JsonObject {
  if (text !== undefined) return { text: "", ...details };
  if (raw !== undefined) return { raw: "", ...details };
  return url === undefined ? { data: 0, ...details } : { url: "", ...details };
}

/** Restores the A2A message that was translated to a DIDComm message. Returns `undefined` if the kept form doesn't fit the message. */
export function restoreA2a(skeleton: JsonObject, json: JsonObject): JsonObject | undefined {
  let message: A2aMessageJson;
  try {
    message = normalizeA2a(skeleton);
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

/** Translates a DIDComm attachment to an A2A part. `skeleton` is the attachment without its content, for the kept form. */
export function partOf(attachment: JsonObject): { readonly part: JsonObject; readonly skeleton: JsonObject } {
  const { filename, media_type: mediaType } = attachment;
  const data = attachment["data"] as JsonObject;
  const details = { ...(typeof filename === "string" && { filename }), ...(typeof mediaType === "string" && { mediaType }) };
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

/** Restores the DIDComm message that was translated to an A2A message. Returns `undefined` if the kept form doesn't fit the message. */
export function restoreDidcomm(skeleton: JsonObject, { parts }: A2aMessageJson): JsonObject | undefined {
  const [first, ...rest] = parts;
  const attachments = Array.isArray(skeleton["attachments"]) ? (skeleton["attachments"] as readonly JsonValue[]) : [];
  if (first === undefined || rest.length !== attachments.length) return undefined;
  const { text, data } = first;
  const isBasic = basicText(skeleton) !== undefined;
  if (isBasic ? typeof text !== "string" : !isJsonObject(data)) return undefined;
  const body = isJsonObject(skeleton["body"]) ? { body: (data as JsonObject | undefined)?.["body"] } : {};
  const head = isBasic ? withBasicText(skeleton, text as string) : { ...skeleton, ...body };
  if (attachments.length === 0) return head;
  return { ...head, attachments: attachments.map((attachment, index) => restoreAttachment(attachment, rest[index] ?? {})) };
}

function restoreAttachment(skeleton: JsonValue, { raw, url, data }: JsonObject): JsonValue {
  if (!isJsonObject(skeleton) || !isJsonObject(skeleton["data"])) return skeleton;
  const [form] = Object.keys(skeleton["data"]);
  if (form === "base64" && typeof raw === "string") return { ...skeleton, data: { base64: toBase64url(fromBase64(raw)) } };
  if (form === "links" && typeof url === "string") return { ...skeleton, data: { links: [url] } };
  return { ...skeleton, data: form === "json" ? { json: data } : data };
}
