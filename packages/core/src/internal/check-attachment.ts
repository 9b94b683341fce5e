import { readAttachment, writeAttachment } from "../attachment-codec.ts";
import type { Attachment, AttachmentData } from "../attachment.ts";
import { checkJson } from "./check-json.ts";
import { describeKind } from "./describe-kind.ts";
import { rejectUnknownOptions } from "./reject-unknown-options.ts";

const MEMBERS: readonly (keyof Attachment)[] = [
  "id",
  "description",
  "filename",
  "mediaType",
  "format",
  "lastModifiedTime",
  "byteCount",
  "data",
];
const DATA_MEMBERS: readonly (keyof AttachmentData)[] = ["base64", "json", "links", "hash", "jws"];

/**
 * Checks an attachment that a program makes, by the rules that its recipient reads it by: what that can't read reaches no handler.
 *
 * @throws TypeError naming the member that is wrong.
 */
export function checkAttachment(attachment: Attachment, index: number): void {
  const where = `attachments[${index}]`;
  if (!isObject(attachment)) throw new TypeError(`message.${where} must be an object such as { data }, not ${describeKind(attachment)}`);
  rejectUnknownOptions(attachment, MEMBERS, `message.${where}.`);
  const { data } = attachment;
  if (!isObject(data)) throw new TypeError(`message.${where}.data must be an object such as { json } or { base64 }`);
  rejectUnknownOptions(data, DATA_MEMBERS, `message.${where}.data.`);
  if (isObject(data.json)) checkJson("A message", `${where}.data.json`, data.json);
  try {
    readAttachment(writeAttachment(attachment), index);
  } catch (cause) {
    throw new TypeError(cause instanceof Error ? `message.${cause.message}` : String(cause), { cause });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
