import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Part } from "@a2a-js/sdk";
import { AdapterError } from "../adapter-error.ts";
import { partWithJsonNames } from "./json-names.ts";

/**
 * A part in any supported form: the official SDK's `Part`; the JSON of A2A 1.0, where `raw` is base64; that of A2A 0.3, with `kind`; or that of the
 * first versions, with `type`.
 */
export type A2aPartInput =
  | Part
  | (Pick<ReceivedA2aPart, "metadata" | "filename" | "mediaType"> &
      ({ readonly text: string } | { readonly raw: string } | { readonly url: string } | { readonly data: JsonValue }))
  | (Pick<ReceivedA2aPart, "metadata"> & ({ readonly kind: "text" } | { readonly type: "text" }) & { readonly text: string })
  | (Pick<ReceivedA2aPart, "metadata"> & ({ readonly kind: "data" } | { readonly type: "data" }) & { readonly data: JsonValue })
  | (Pick<ReceivedA2aPart, "metadata"> &
      ({ readonly kind: "file" } | { readonly type: "file" }) & { readonly file: NonNullable<ReceivedA2aPart["file"]> });

/** A received part, with the members of the form in which it was sent. */
export interface ReceivedA2aPart {
  readonly text?: string;
  /** Base64. */
  readonly raw?: string;
  readonly url?: string;
  readonly data?: JsonValue;
  readonly filename?: string | undefined;
  readonly mediaType?: string | undefined;
  readonly metadata?: JsonObject | undefined;
  /** Type of the part in the form of the first versions. */
  readonly type?: string;
  /** Type of the part in the form of A2A 0.3. */
  readonly kind?: string;
  /** Set on file parts in the form of A2A 0.3 or earlier. */
  readonly file?: {
    readonly name?: string;
    readonly mimeType?: string;
    /** Base64. */
    readonly bytes?: string;
    readonly uri?: string;
  };
  /** The content of the part in the form of the official SDK. Not enumerable, so it is not in the part's JSON. */
  readonly content: NonNullable<Part["content"]>;
}

const FORMS: ReadonlySet<string> = new Set(["text", "data", "file"]);
const CONTENTS = ["text", "raw", "url", "data"] as const;

/**
 * Reads a part in any form, with JSON or proto names (`media_type`).
 *
 * @throws AdapterError `message_invalid`
 */
export function readPart(given: unknown): Part {
  if (!isJsonObject(given)) throw invalid("is not an object");
  const input = partWithJsonNames(given);
  if (isJsonObject(input["file"])) return readFile(input, input["file"]);
  return isJsonObject(input["content"]) && "$case" in input["content"] ? readSdkPart(input) : readCurrent(input);
}

/** Converts a part in any form to A2A 1.0. Keeps its `type` or `kind`, which readers of 1.0 ignore. */
export function writeInput(input: A2aPartInput): JsonObject {
  return { ...formOf(input), ...writePart(readPart(input)) };
}

/** Reads a received part and keeps the form in which it was sent. */
export function receivedPart(json: JsonObject): ReceivedA2aPart {
  const { content } = readPart(json);
  const part: JsonObject = (json["kind"] === "file" || json["type"] === "file") && json["file"] === undefined ? asFile(json) : { ...json };
  Object.defineProperty(part, "content", { value: content });
  return part as unknown as ReceivedA2aPart;
}

/** Converts a part of the official SDK to the JSON of A2A 1.0. */
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

/** The member `type` or `kind` of a part, if it has one. */
function formOf(input: A2aPartInput): JsonObject {
  for (const name of ["type", "kind"] as const) {
    const form: unknown = name in input ? (input as JsonObject)[name] : undefined;
    if (typeof form === "string" && FORMS.has(form)) return { [name]: form };
  }
  return {};
}

function asFile({ raw, url, filename, mediaType, ...others }: JsonObject): JsonObject {
  const content = raw === undefined ? { uri: url } : { bytes: raw };
  return {
    ...others,
    file: { ...(filename !== undefined && { name: filename }), ...(mediaType !== undefined && { mimeType: mediaType }), ...content },
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
  throw invalid("has content of the wrong type");
}

function details({ metadata, filename, mediaType }: JsonObject): Omit<Part, "content"> {
  if (metadata !== undefined && !isJsonObject(metadata)) throw invalid("has metadata of the wrong type");
  if (filename !== undefined && typeof filename !== "string") throw invalid("has a filename of the wrong type");
  if (mediaType !== undefined && typeof mediaType !== "string") throw invalid("has a media type of the wrong type");
  return { metadata, filename: filename ?? "", mediaType: mediaType ?? "" };
}

function invalid(fault: string): AdapterError {
  return new AdapterError("message_invalid", `A part of an A2A message ${fault}`);
}
