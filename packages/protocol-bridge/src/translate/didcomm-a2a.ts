import { isJsonObject, type JsonObject } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { isA2aCall, normalizeA2a, readA2a } from "../formats/a2a-message.ts";
import {
  attachmentsOf,
  BASIC_MESSAGE,
  basicText,
  checkDidcomm,
  DIDCOMM_JSON,
  readDidcomm,
  withBasicText,
} from "../formats/didcomm-plaintext.ts";
import { isFaithful, writeJson } from "../internal/json.ts";
import { isKeepable, readKeptForm } from "./kept-form.ts";
import type { Translation, TranslationContext } from "./translation.ts";
import { attachmentOf, withoutContent, headOf, partOf, restoreA2a, restoreDidcomm } from "./didcomm-parts.ts";

/**
 * Translates a DIDComm message to an A2A message. The thread becomes the context. The first part is the text of a basic message, or type and
 * body of any other; the attachments become further parts.
 */
export function didcommToA2a({ payload }: Envelope, context: TranslationContext): Translation {
  const { kept, contextId, origin, maxMessageBytes } = context;
  const json = readDidcomm(payload, maxMessageBytes);
  const before = readKeptForm(kept, "a2a")?.["message"];
  const restored = isJsonObject(before) ? restoreA2a(before, json) : undefined;
  if (restored !== undefined) {
    return { contentType: "application/json", payload: writeJson(restored, maxMessageBytes), restored: true };
  }
  const { id, thid, type, body } = json;
  const attachments = attachmentsOf(json).map(partOf);
  const text = basicText(json);
  const first: JsonObject = text === undefined ? { data: { type, body: body ?? {} }, mediaType: DIDCOMM_JSON } : { text };
  const message = {
    messageId: id,
    contextId: contextId ?? (typeof thid === "string" && thid !== "" ? thid : id),
    role: "ROLE_USER",
    parts: [first, ...attachments.map(({ part }) => part)],
    metadata: { bridge: { origin } },
  } as unknown as JsonObject;
  normalizeA2a(message);
  const bare = text === undefined ? { ...json, ...(isJsonObject(body) && { body: {} }) } : withBasicText(json, "");
  const skeleton = attachments.length === 0 ? bare : { ...bare, attachments: attachments.map((each) => each.skeleton) };
  const lost = isFaithful(json, payload) ? [] : ["json"];
  const made = { contentType: "application/json", payload: writeJson(message, maxMessageBytes) };
  if (isKeepable(skeleton)) return { ...made, message: skeleton, lost };
  return { ...made, lost: [...lost, "headers"] };
}

/**
 * Translates an A2A message to a DIDComm message. The context becomes the thread. The first part becomes a basic message, or type and body if
 * it contains them; further parts become attachments.
 */
export function a2aToDidcomm(envelope: Envelope, { kept, newId, maxMessageBytes }: TranslationContext): Translation | undefined {
  if (isA2aCall(envelope)) return undefined;
  const { json, message } = readA2a(envelope.payload, maxMessageBytes);
  const before = readKeptForm(kept, "didcomm")?.["message"];
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
  const skeleton = { ...message, parts: message.parts.map(withoutContent) };
  const lost = isSame(json, message) && isFaithful(json, envelope.payload) ? [] : ["json"];
  const translation = { contentType: DIDCOMM_JSON, payload: writeJson(made, maxMessageBytes) };
  return isKeepable(skeleton) ? { ...translation, message: skeleton, lost } : { ...translation, lost: [...lost, "message"] };
}

function isSame(one: JsonObject, other: JsonObject): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
