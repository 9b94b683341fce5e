import { isJsonObject, type JsonObject } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { contentOf, fromBase64, isWellFormed, mediaTypeOf, toBase64url } from "./content.ts";
import {
  attachmentsOf,
  BASIC_MESSAGE,
  basicText,
  checkDidcomm,
  DIDCOMM_JSON,
  readDidcomm,
  withBasicText,
} from "../formats/didcomm-plaintext.ts";
import { isFaithful, textOf, utf8, writeJson } from "../internal/json.ts";
import { isKeepable, readKeptForm } from "./kept-form.ts";
import type { Translation, TranslationContext } from "./translation.ts";

/** Translates a DIDComm message to a SLIM payload: to the text of a basic message without attachments, or else to the unchanged plaintext. */
export function didcommToSlim({ payload }: Envelope, { kept, maxMessageBytes }: TranslationContext): Translation {
  const json = readDidcomm(payload, maxMessageBytes);
  const before = readKeptForm(kept, "slim");
  const restored = before === undefined ? undefined : payloadOf(json);
  if (restored !== undefined) return { contentType: "", payload: restored, restored: true };
  const text = basicText(json);
  if (text !== undefined && attachmentsOf(json).length === 0 && isWellFormed(text)) {
    const skeleton = withBasicText(json, "");
    const lost = isFaithful(json, payload) ? [] : ["json"];
    if (isKeepable(skeleton)) return { contentType: "text/plain", payload: utf8(text), message: skeleton, lost };
  }
  return { contentType: DIDCOMM_JSON, payload };
}

/** Translates a SLIM payload to a basic message with its text or with an attachment; a DIDComm plaintext is used as the message. */
export function slimToDidcomm({ contentType, payload }: Envelope, { kept, newId, maxMessageBytes }: TranslationContext): Translation {
  const before = readKeptForm(kept, "didcomm");
  if (mediaTypeOf(contentType) === DIDCOMM_JSON) {
    readDidcomm(payload, maxMessageBytes);
    return { contentType: DIDCOMM_JSON, payload, restored: before !== undefined };
  }
  const skeleton = before?.["message"];
  const text = skeleton === undefined ? undefined : textOf(payload);
  if (isJsonObject(skeleton) && basicText(skeleton) !== undefined && text !== undefined) {
    const json = withBasicText(skeleton, text);
    checkDidcomm(json);
    return { contentType: DIDCOMM_JSON, payload: writeJson(json, maxMessageBytes), restored: true };
  }
  const json = { id: newId, typ: DIDCOMM_JSON, type: BASIC_MESSAGE, ...contentFor(contentType, payload) };
  return { contentType: DIDCOMM_JSON, payload: writeJson(json, maxMessageBytes) };
}

function contentFor(contentType: string, payload: Uint8Array): JsonObject {
  const content = contentOf(contentType, payload);
  if (content.form === "text" && contentType === "text/plain") return { body: { content: content.text } };
  const data = content.form === "json" ? { json: content.json } : { base64: toBase64url(payload) };
  return { body: { content: "" }, attachments: [{ media_type: contentType, data }] };
}

/** The original SLIM payload of a basic message. */
function payloadOf(json: JsonObject): Uint8Array | undefined {
  const text = basicText(json);
  const [attachment, ...more] = attachmentsOf(json);
  if (text === undefined || more.length > 0) return undefined;
  if (attachment === undefined) return utf8(text);
  const { json: value, base64 } = attachment["data"] as JsonObject;
  if (typeof base64 === "string") return fromBase64(base64);
  return value === undefined ? undefined : utf8(JSON.stringify(value));
}
