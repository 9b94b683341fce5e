import { createHash } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { hex, type Waiting } from "./welcome-index.ts";
import type { WelcomeId } from "./welcome-store.ts";

/** The key of one recipient's Welcome in a shared table, whatever the names are. */
export function welcomeKey(channel: string, { id, recipient }: WelcomeId): string {
  return [hash(channel), hash(recipient), hex(id)].join(".");
}

/** The data of a Welcome without its payload, as text for a message header. */
export function encodeNote({ channel, recipient, id, length, recordedAt, publisher }: Waiting): string {
  const note = { channel, recipient: base64(recipient), id: base64(id), length, recordedAt, publisher };
  return base64(Buffer.from(JSON.stringify(note)));
}

/** `undefined` for a text that {@link encodeNote} did not write. */
export function decodeNote(text: string): Waiting | undefined {
  try {
    const note: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (!isJsonObject(note)) return undefined;
    const { channel, recipient, id, length, recordedAt, publisher } = note;
    if (typeof channel !== "string" || typeof recipient !== "string" || typeof id !== "string") return undefined;
    if (typeof length !== "number" || typeof recordedAt !== "number") return undefined;
    const [recipientBytes, idBytes] = [bytes(recipient), bytes(id)];
    const owner = typeof publisher === "string" ? publisher : undefined;
    return { channel, recipient: recipientBytes, id: idBytes, length, recordedAt, publisher: owner };
  } catch {
    return undefined;
  }
}

function hash(value: string | Uint8Array): string {
  return createHash("sha256").update(value).digest("base64url");
}

function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64url");
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "base64url"));
}
