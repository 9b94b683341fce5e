import type { JsonObject } from "@parley/core";
import { isFaithful, readJson, textOf, utf8 } from "../internal/json.ts";

/** A payload as JSON documents represent it: as text, JSON or bytes. */
export type Content =
  | { readonly form: "text"; readonly text: string }
  | { readonly form: "json"; readonly json: Exclude<JsonObject[string], undefined> }
  | { readonly form: "bytes"; readonly bytes: Uint8Array };

/** The media type of a content type, in lower case and without parameters. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** Whether a media type is JSON or based on it. */
export function isJsonType(mediaType: string): boolean {
  return mediaType === "application/json" || mediaType.endsWith("+json");
}

/** Reads a payload as text or JSON if that matches its content type and is lossless, else as bytes. */
export function contentOf(contentType: string, payload: Uint8Array): Content {
  const mediaType = mediaTypeOf(contentType);
  if (mediaType.startsWith("text/")) {
    const text = textOf(payload);
    if (text !== undefined) return { form: "text", text };
  }
  if (isJsonType(mediaType)) {
    const json = readJson(payload);
    if (json !== undefined && isFaithful(json, payload)) return { form: "json", json };
  }
  return { form: "bytes", bytes: payload };
}

/** Whether UTF-8 can represent a text. JSON strings can contain lone surrogates, which UTF-8 can't represent. */
export function isWellFormed(text: string): boolean {
  return textOf(utf8(text)) === text;
}

/** Encodes base64, which A2A and MCP use. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Encodes base64url without padding, which DIDComm uses. */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

/** Decodes base64 or base64url. */
export function fromBase64(text: string): Uint8Array {
  return Buffer.from(text, "base64");
}
