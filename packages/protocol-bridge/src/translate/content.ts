import type { JsonObject } from "@parley/core";
import { isFaithful, readJson, textOf, utf8 } from "../internal/json.ts";

/** A payload in the form that JSON documents have for contents: as text, as JSON, or in base64. */
export type Content =
  | { readonly form: "text"; readonly text: string }
  | { readonly form: "json"; readonly json: Exclude<JsonObject[string], undefined> }
  | { readonly form: "bytes"; readonly bytes: Uint8Array };

/** The media type in a content type, in lower case and without parameters. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** Whether a media type is JSON's or made of it. */
export function isJsonType(mediaType: string): boolean {
  return mediaType === "application/json" || mediaType.endsWith("+json");
}

/** A payload as text or JSON where its type says so and not a byte changes by it; as bytes otherwise. */
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

/** Whether UTF-8 can hold a text: JSON can hold halves of characters, UTF-8 can't. */
export function isWellFormed(text: string): boolean {
  return textOf(utf8(text)) === text;
}

/** Base64, as A2A and MCP have it. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Base64url without padding, as DIDComm has it. */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

/** Bytes of either base64. */
export function fromBase64(text: string): Uint8Array {
  return Buffer.from(text, "base64");
}
