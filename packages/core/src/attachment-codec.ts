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
  const lastModifiedTime = readLastModified(value["lastmod_time"]);
  const byteCount = readByteCount(value["byte_count"]);
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

/** As the sender wrote it. It only informs, so what can't be a time is dropped. */
function readLastModified(value: JsonValue | undefined): number | string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Some agents write the number as text. */
function readByteCount(value: JsonValue | undefined): JsonValue | undefined {
  if (value === null || value === "") return undefined;
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
}

function readData(value: JsonValue | undefined, where: string): AttachmentData {
  if (!isJsonObject(value)) throw invalid(`${where}.data`, "must be an object");
  const base64 = value["base64"] ?? undefined;
  const links = value["links"] ?? undefined;
  const hash = value["hash"] ?? undefined;
  const jws = value["jws"] ?? undefined;
  // Alone, a null is the content; beside other content it is one more absent member.
  const json = base64 === undefined && links === undefined && !isText(jws) ? value["json"] : (value["json"] ?? undefined);
  if (base64 !== undefined && typeof base64 !== "string") throw invalid(`${where}.data.base64`, "must be a string");
  if (hash !== undefined && typeof hash !== "string") throw invalid(`${where}.data.hash`, "must be a string");
  if (jws !== undefined && !isJsonObject(jws) && !isText(jws)) throw invalid(`${where}.data.jws`, "must be an object or a compact JWS");
  if (links !== undefined && !isTextList(links)) throw invalid(`${where}.data.links`, "must be a list of URLs");
  if (base64 === undefined && json === undefined && links === undefined && !isText(jws)) {
    throw invalid(`${where}.data`, "needs base64, json, links or a jws text");
  }
  return {
    ...(base64 !== undefined && { base64 }),
    ...(json !== undefined && { json }),
    ...(links !== undefined && { links }),
    ...(hash !== undefined && { hash }),
    ...(jws !== undefined && { jws }),
  };
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function isTextList(value: JsonValue): value is readonly string[] {
  return isJsonArray(value) && value.every((entry) => typeof entry === "string");
}

function invalid(where: string, what: string): PlaintextError {
  return new PlaintextError("attachment_invalid", `${where} ${what}`);
}
