import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { A2aMessageJson } from "../formats/a2a-message.ts";
import { BridgeError } from "../bridge-error.ts";
import { readJson, utf8 } from "../internal/json.ts";

const MAX_BLOCKS = 1024;

/** The answer of a tool as an A2A message. */
export interface ToolAnswer {
  readonly parts: readonly JsonObject[];
  /** Metadata of the message, for members of the result that no part can represent. */
  readonly metadata: JsonObject | undefined;
}

/**
 * Translates the result of an MCP tool to the parts of an A2A message, in order: texts to text, images, audio and embedded blobs to raw, links
 * to url, `structuredContent` to data. Members without a counterpart are kept in the part's `metadata.mcp`.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function partsOfToolResult(result: JsonObject): ToolAnswer {
  const { content = [], structuredContent, isError, _meta, ...more } = result;
  if (!Array.isArray(content)) throw new BridgeError("message_invalid", "The content of a tool's result must be an array");
  if (content.length > MAX_BLOCKS)
    throw new BridgeError("message_too_large", `A tool's result has ${content.length} content blocks, limit ${MAX_BLOCKS}`);
  const blocks = content as readonly JsonValue[];
  const parts = blocks.map(partOfBlock);
  const isSaidAlready = blocks.some((block) => isJsonObject(block) && a2aOf(block)?.["structured"] === true);
  if (structuredContent !== undefined && !isSaidAlready) {
    parts.push({ data: structuredContent, metadata: { mcp: { type: "structuredContent" } } });
  }
  const rest = { ...(isError === true && { isError }), ...(_meta !== undefined && { _meta }), ...more };
  return { parts, metadata: Object.keys(rest).length === 0 ? undefined : { mcp: rest } };
}

/** Translates an A2A message to the result of an MCP tool. Members without a counterpart are kept in the block's `_meta.a2a`. */
export function toolResultOf({ parts, metadata }: Pick<A2aMessageJson, "parts" | "metadata">): JsonObject {
  const isStructured = (part: JsonObject): boolean => mcpOf(part)?.["type"] === "structuredContent";
  const structured = parts.find(isStructured);
  const content = parts.filter((part) => part !== structured);
  const objects = content.filter((part) => isJsonObject(part["data"]) && mcpOf(part) === undefined);
  const structuredPart = structured === undefined && objects.length === 1 ? objects[0] : undefined;
  const rest = metadata?.["mcp"];
  return {
    content: content.map((part, index) => blockOfPart(part, index, part === structuredPart)),
    ...(structured !== undefined && { structuredContent: structured["data"] }),
    ...(structuredPart !== undefined && { structuredContent: structuredPart["data"] }),
    ...(isJsonObject(rest) && rest),
  };
}

function partOfBlock(block: JsonValue): JsonObject {
  if (!isJsonObject(block)) throw new BridgeError("message_invalid", "A content block of a tool's result must be an object");
  const before = a2aOf(block);
  if (before !== undefined) return restorePart(block, before);
  const { type, text, data, mimeType, uri, name, resource, ...rest } = block;
  const mcp = (more: JsonObject = {}): JsonObject => ({ metadata: { mcp: { type, ...more, ...rest } } });
  if (type === "text" && typeof text === "string") return { text, ...(Object.keys(rest).length > 0 && mcp()) };
  if ((type === "image" || type === "audio") && isBase64(data) && typeof mimeType === "string")
    return { raw: data, mediaType: mimeType, ...mcp() };
  if (type === "resource_link" && typeof uri === "string") {
    const details = { ...(typeof name === "string" && { filename: name }), ...(typeof mimeType === "string" && { mediaType: mimeType }) };
    return { url: uri, ...details, ...mcp() };
  }
  if (type === "resource" && isJsonObject(resource)) {
    const { text: inner, blob, mimeType: innerType, ...about } = resource;
    const details = typeof innerType === "string" ? { mediaType: innerType } : {};
    if (typeof inner === "string" && blob === undefined) return { text: inner, ...details, ...mcp({ resource: about }) };
    if (isBase64(blob) && inner === undefined) return { raw: blob, ...details, ...mcp({ resource: about }) };
  }
  return { data: block, metadata: { mcp: { type: "block" } } };
}

/** Restores the part that was translated to a block. */
function restorePart(block: JsonObject, before: JsonObject): JsonObject {
  const { text, data, uri } = block;
  const resource = isJsonObject(block["resource"]) ? block["resource"] : {};
  const { content, structured: _structured, ...details } = before;
  switch (content) {
    case "text":
      return { text: text ?? "", ...details };
    case "raw":
      return { raw: data ?? resource["blob"] ?? "", ...details };
    case "url":
      return { url: uri ?? "", ...details };
    default:
      return { data: parsed(text), ...details };
  }
}

function blockOfPart(part: JsonObject, index: number, isStructured: boolean): JsonObject {
  const block = restoreBlock(part);
  if (block !== undefined) return block;
  const { text, raw, url, data, ...details } = part;
  const { mediaType, filename } = details;
  const meta = (content: string): JsonObject => ({ _meta: { a2a: { content, ...(isStructured && { structured: true }), ...details } } });
  if (typeof text === "string") return { type: "text", text, ...(Object.keys(details).length > 0 && meta("text")) };
  if (typeof url === "string")
    return {
      type: "resource_link",
      uri: url,
      name: filename ?? url,
      ...(mediaType !== undefined && { mimeType: mediaType }),
      ...meta("url"),
    };
  if (typeof raw !== "string") return { type: "text", text: JSON.stringify(data), ...meta("data") };
  const kind = typeof mediaType === "string" ? (/^(?<kind>image|audio)\//.exec(mediaType)?.groups?.["kind"] ?? "resource") : "resource";
  if (kind !== "resource") return { type: kind, data: raw, mimeType: mediaType, ...meta("raw") };
  const uri = `a2a-part:${index}${typeof filename === "string" ? `/${encodeURIComponent(filename)}` : ""}`;
  return { type: "resource", resource: { uri, blob: raw, ...(mediaType !== undefined && { mimeType: mediaType }) }, ...meta("raw") };
}

/** Restores the block that was translated to a part. Returns `undefined` for other parts. */
function restoreBlock({ text, raw, url, data, mediaType, filename, metadata }: JsonObject): JsonObject | undefined {
  const mcp = mcpOf({ metadata });
  if (mcp === undefined) return undefined;
  const { type, resource, ...rest } = mcp;
  if (type === "block") return isJsonObject(data) ? data : undefined;
  const mime = mediaType === undefined ? {} : { mimeType: mediaType };
  if (type === "text" && typeof text === "string") return { type, text, ...rest };
  if ((type === "image" || type === "audio") && raw !== undefined) return { type, data: raw, ...mime, ...rest };
  if (type === "resource_link" && url !== undefined)
    return { type, uri: url, ...(filename !== undefined && { name: filename }), ...mime, ...rest };
  if (type !== "resource" || !isJsonObject(resource)) return undefined;
  return { type, resource: { ...resource, ...mime, ...(typeof text === "string" ? { text } : { blob: raw }) }, ...rest };
}

function mcpOf({ metadata }: JsonObject): JsonObject | undefined {
  const mcp = isJsonObject(metadata) ? metadata["mcp"] : undefined;
  return isJsonObject(mcp) ? mcp : undefined;
}

function a2aOf({ _meta }: JsonObject): JsonObject | undefined {
  const a2a = isJsonObject(_meta) ? _meta["a2a"] : undefined;
  return isJsonObject(a2a) ? a2a : undefined;
}

function isBase64(value: unknown): value is string {
  return typeof value === "string" && /^[\w+/-]*={0,2}$/.test(value);
}

function parsed(text: JsonValue | undefined): JsonValue {
  if (typeof text !== "string") return null;
  const value = readJson(utf8(text));
  return value === undefined ? text : value;
}
