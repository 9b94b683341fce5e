import type { Attachment, AttachmentData } from "./attachment.ts";
import { isCount, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { PlaintextError } from "./plaintext-error.ts";

/** Reads one entry of a plaintext's `attachments`. As in the message itself, `null` is absent: some agents write it. */
export function readAttachment(value: JsonValue, index: number): Attachment {
  const where = `attachments[${index}]`;
  if (!isJsonObject(value)) throw invalid(where, "must be an object");
  const text = (member: string): string | undefined => {
    const found = value[member];
    if (found === undefined || found === null || found === "") return undefined;
    if (typeof found !== "string") throw invalid(`${where}.${member}`, "must be a string");
    return found;
  };
  const id = text("id");
  const description = text("description");
  const filename = text("filename");
  const mediaType = text("media_type");
  const format = text("format");
  const lastModifiedTime = value["lastmod_time"] ?? undefined;
  if (lastModifiedTime !== undefined && !isCount(lastModifiedTime) && typeof lastModifiedTime !== "string") {
    throw invalid(`${where}.lastmod_time`, "must be seconds since 1970 or RFC 3339 text");
  }
  const byteCount = value["byte_count"] ?? undefined;
  if (byteCount !== undefined && !isCount(byteCount)) {
    throw invalid(`${where}.byte_count`, "must be a number of bytes");
  }
  return {
    data: readData(value["data"], where),
    ...(id !== undefined && { id }),
    ...(description !== undefined && { description }),
    ...(filename !== undefined && { filename }),
    ...(mediaType !== undefined && { mediaType }),
    ...(format !== undefined && { format }),
    ...(lastModifiedTime !== undefined && { lastModifiedTime }),
    ...(byteCount !== undefined && { byteCount }),
  };
}

/** Writes an attachment as it stands in a plaintext. */
export function writeAttachment(attachment: Attachment): JsonObject {
  return {
    id: attachment.id,
    description: attachment.description,
    filename: attachment.filename,
    media_type: attachment.mediaType,
    format: attachment.format,
    lastmod_time: attachment.lastModifiedTime,
    byte_count: attachment.byteCount,
    data: { ...attachment.data },
  };
}

function readData(value: JsonValue | undefined, where: string): AttachmentData {
  if (!isJsonObject(value)) throw invalid(`${where}.data`, "must be an object");
  const base64 = value["base64"] ?? undefined;
  const links = value["links"] ?? undefined;
  const hash = value["hash"] ?? undefined;
  const jws = value["jws"] ?? undefined;
  // Alone, a null is the content; beside other content it is one more absent member.
  const json = base64 === undefined && links === undefined ? value["json"] : (value["json"] ?? undefined);
  if (base64 !== undefined && typeof base64 !== "string") throw invalid(`${where}.data.base64`, "must be a string");
  if (hash !== undefined && typeof hash !== "string") throw invalid(`${where}.data.hash`, "must be a string");
  if (jws !== undefined && !isJsonObject(jws)) throw invalid(`${where}.data.jws`, "must be an object");
  if (links !== undefined && !isTextList(links)) throw invalid(`${where}.data.links`, "must be a list of URLs");
  if (base64 === undefined && json === undefined && links === undefined) {
    throw invalid(`${where}.data`, "needs base64, json or links");
  }
  return {
    ...(base64 !== undefined && { base64 }),
    ...(json !== undefined && { json }),
    ...(links !== undefined && { links }),
    ...(hash !== undefined && { hash }),
    ...(jws !== undefined && { jws }),
  };
}

function isTextList(value: JsonValue): value is readonly string[] {
  return isJsonArray(value) && value.every((entry) => typeof entry === "string");
}

function invalid(where: string, what: string): PlaintextError {
  return new PlaintextError("attachment_invalid", `${where} ${what}`);
}
