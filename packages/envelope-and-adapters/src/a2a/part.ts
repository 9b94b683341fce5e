import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Part } from "@a2a-js/sdk";
import { AdapterError } from "../adapter-error.ts";

interface PartDetails {
  readonly metadata?: JsonObject | undefined;
  readonly filename?: string | undefined;
  readonly mediaType?: string | undefined;
}

interface LegacyFile {
  readonly name?: string;
  readonly mimeType?: string;
  /** Base64. */
  readonly bytes?: string;
  readonly uri?: string;
}

/** A part as A2A 1.0 has it on the wire. `raw` is base64. */
export type A2aPartJson = PartDetails &
  ({ readonly text: string } | { readonly raw: string } | { readonly url: string } | { readonly data: JsonValue });

/** A part as A2A 0.3 (`kind`) or the first versions (`type`) had it. */
export type A2aLegacyPart = { readonly metadata?: JsonObject } & (
  | ({ readonly kind: "text" } & { readonly text: string })
  | ({ readonly type: "text" } & { readonly text: string })
  | ({ readonly kind: "data" } & { readonly data: JsonValue })
  | ({ readonly type: "data" } & { readonly data: JsonValue })
  | ({ readonly kind: "file" } & { readonly file: LegacyFile })
  | ({ readonly type: "file" } & { readonly file: LegacyFile })
);

/** A part in any form that is in use: the official SDK's `Part`, A2A 1.0 JSON, A2A 0.3 (`kind`), and the first versions (`type`). */
export type A2aPartInput = Part | A2aPartJson | A2aLegacyPart;

const CONTENTS = ["text", "raw", "url", "data"] as const;

/**
 * Reads a part in any form.
 *
 * @throws AdapterError `message_invalid`.
 */
export function readPart(input: unknown): Part {
  if (!isJsonObject(input)) throw invalid("is not an object");
  if (isJsonObject(input["content"]) && "$case" in input["content"]) return readSdkPart(input);
  return isJsonObject(input["file"]) ? readFile(input, input["file"]) : readCurrent(input);
}

/** Writes a part as A2A 1.0 has it. */
export function writePart({ content, metadata, filename, mediaType }: Part): JsonObject {
  if (content === undefined) throw invalid("has no content");
  const value: unknown = content.$case === "raw" ? content.value.toString("base64") : content.value;
  return {
    [content.$case]: value as JsonValue,
    metadata,
    filename: filename === "" ? undefined : filename,
    mediaType: mediaType === "" ? undefined : mediaType,
  };
}

function readSdkPart(part: JsonObject): Part {
  const { $case, value } = part["content"] as JsonObject;
  const bytes: unknown = value;
  if ($case === "raw" && bytes instanceof Uint8Array) return { ...details(part), content: { $case, value: Buffer.from(bytes) } };
  return { ...details(part), content: readContent($case, value) };
}

function readCurrent(part: JsonObject): Part {
  const [name, ...more] = CONTENTS.filter((content) => part[content] !== undefined);
  if (name === undefined || more.length > 0) throw invalid("must have one of text, raw, url, data");
  return { ...details(part), content: readContent(name, part[name]) };
}

function readFile(part: JsonObject, file: JsonObject): Part {
  const { name, mimeType, bytes, uri } = file;
  if ((bytes === undefined) === (uri === undefined)) throw invalid("must have a file with bytes or uri");
  const content = bytes === undefined ? readContent("url", uri) : readContent("raw", bytes);
  return { ...details({ metadata: part["metadata"], filename: name, mediaType: mimeType }), content };
}

function readContent(name: unknown, value: unknown): NonNullable<Part["content"]> {
  switch (name) {
    case "text":
    case "url":
      if (typeof value === "string") return { $case: name, value };
      break;
    case "raw":
      if (typeof value === "string" && /^[\w+/-]*={0,2}$/.test(value)) return { $case: name, value: Buffer.from(value, "base64") };
      break;
    case "data":
      if (value !== undefined) return { $case: name, value };
      break;
    default:
  }
  throw invalid("has a content of the wrong kind");
}

function details({ metadata, filename, mediaType }: JsonObject): Omit<Part, "content"> {
  if (metadata !== undefined && !isJsonObject(metadata)) throw invalid("has metadata of the wrong kind");
  if (filename !== undefined && typeof filename !== "string") throw invalid("has a filename of the wrong kind");
  if (mediaType !== undefined && typeof mediaType !== "string") throw invalid("has a media type of the wrong kind");
  return { metadata, filename: filename ?? "", mediaType: mediaType ?? "" };
}

function invalid(what: string): AdapterError {
  return new AdapterError("message_invalid", `A part of an A2A message ${what}`);
}
