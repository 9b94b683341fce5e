import { isJsonObject, type JsonObject } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { isA2aCall, normalizeA2a, readA2a, type A2aMessageJson } from "../formats/a2a-message.ts";
import { contentOf, fromBase64, isWellFormed, mediaTypeOf, toBase64 } from "./content.ts";
import { BridgeError } from "../bridge-error.ts";
import { isFaithful, textOf, utf8, writeJson } from "../internal/json.ts";
import { isKeepable, readKeptForm } from "./kept-form.ts";
import type { Translation, TranslationContext } from "./translation.ts";

/** Content type of a SLIM payload that is an A2A message. */
const A2A_JSON = "application/a2a+json";

/**
 * Translates an A2A message to a SLIM payload: to the text of its only part, or else to the unchanged message as `application/a2a+json`.
 */
export function a2aToSlim(envelope: Envelope, { kept, maxMessageBytes }: TranslationContext): Translation | undefined {
  if (isA2aCall(envelope)) return undefined;
  const { payload } = envelope;
  const { json, message } = readA2a(payload, maxMessageBytes);
  const before = readKeptForm(kept, "slim");
  const restored = before === undefined ? undefined : payloadOf(message);
  if (restored !== undefined) return { contentType: "", payload: restored, restored: true };
  const text = onlyText(json);
  if (text !== undefined && isWellFormed(text)) {
    const skeleton = withText(json, "");
    const lost = isFaithful(json, payload) ? [] : ["json"];
    if (isKeepable(skeleton)) return { contentType: "text/plain", payload: utf8(text), message: skeleton, lost };
  }
  return { contentType: A2A_JSON, payload };
}

/** Translates a SLIM payload to an A2A message with a text, data or raw part; `application/a2a+json` is used as the message. */
export function slimToA2a(envelope: Envelope, context: TranslationContext): Translation {
  const { contentType, payload } = envelope;
  const { kept, maxMessageBytes } = context;
  const before = readKeptForm(kept, "a2a");
  if (mediaTypeOf(contentType) === A2A_JSON) {
    const { json } = readA2a(payload, maxMessageBytes);
    return inContext(json, payload, context, before !== undefined);
  }
  const skeleton = before?.["message"];
  const text = skeleton === undefined ? undefined : textOf(payload);
  if (isJsonObject(skeleton) && onlyText(skeleton) !== undefined && text !== undefined) {
    const json = withText(skeleton, text);
    return inContext(json, writeJson(json, maxMessageBytes), context, true);
  }
  const { newId: messageId, origin, contextId = "" } = context;
  const json = { messageId, contextId, role: "ROLE_USER", parts: [partOf(contentType, payload)], metadata: { bridge: { origin } } };
  return { contentType: "application/json", payload: writeJson(json as unknown as JsonObject, maxMessageBytes) };
}

/** Moves a message to the context of the target, if that has one. */
function inContext(
  json: JsonObject,
  payload: Uint8Array,
  { contextId, maxMessageBytes }: TranslationContext,
  restored: boolean,
): Translation {
  const own = normalizeA2a(json).contextId;
  const base = { contentType: "application/json", restored };
  if (contextId === undefined || own === "" || own === contextId) return { ...base, payload };
  return { ...base, payload: writeJson({ ...json, contextId }, maxMessageBytes), lost: ["contextId"] };
}

function partOf(contentType: string, payload: Uint8Array): JsonObject {
  const content = contentOf(contentType, payload);
  if (content.form === "text") return { text: content.text, ...(contentType !== "text/plain" && { mediaType: contentType }) };
  if (content.form === "json") return { data: content.json, ...(contentType !== "application/json" && { mediaType: contentType }) };
  return { raw: toBase64(content.bytes), mediaType: contentType };
}

/** The original SLIM payload of a message with one part. */
function payloadOf({ parts }: A2aMessageJson): Uint8Array | undefined {
  const [part, ...more] = parts;
  if (part === undefined || more.length > 0) return undefined;
  const { text, raw, data } = part;
  if (typeof text === "string") return utf8(text);
  if (typeof raw === "string") return fromBase64(raw);
  return data === undefined ? undefined : utf8(JSON.stringify(data));
}

/** The text of a message, of any A2A version, whose only part is text. */
function onlyText({ parts }: JsonObject): string | undefined {
  if (!Array.isArray(parts) || parts.length !== 1) return undefined;
  const part: unknown = parts[0];
  const text = isJsonObject(part) ? part["text"] : undefined;
  return typeof text === "string" ? text : undefined;
}

function withText(json: JsonObject, text: string): JsonObject {
  const [part] = json["parts"] as readonly JsonObject[];
  if (part === undefined) throw new BridgeError("message_invalid", "An A2A message has no parts");
  return { ...json, parts: [{ ...part, text }] };
}
