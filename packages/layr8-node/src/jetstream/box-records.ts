import { isJsonObject } from "@parley/core";
import type { Fingerprint } from "../inbox/recent-messages.ts";

/** What a reader learns of a message from its headers. */
export interface MessageHead extends IndexedMessage {
  readonly recipient: string;
}

/** What an index has of a message. */
export interface IndexedMessage {
  readonly fingerprint: Fingerprint;
  /** Until when the same message is a duplicate, in milliseconds since 1970 by its writer's clock. */
  readonly rememberedUntil: number;
  readonly at: number;
  readonly length: number;
  readonly expiresAt: number;
}

/** A settled message: its seq, and what is remembered of it. */
export interface SettledMark {
  readonly seq: number;
  readonly fingerprint: Fingerprint;
  readonly rememberedUntil: number;
}

/** A change of a box, in its stream of marks. */
export interface Mark {
  /** The writer. */
  readonly by: string;
  /** `by` has opened the box, or closed it. */
  readonly box?: "opened" | "closed" | undefined;
  readonly settled: readonly SettledMark[];
  readonly attempts: readonly (readonly [seq: number, attempts: number])[];
}

interface HeaderFields {
  get(name: string): string;
}

const HEAD = "Parley-Head";
const RECIPIENT = "Parley-Recipient";

export function encodeHead({ recipient, fingerprint, rememberedUntil, at, length, expiresAt }: MessageHead): Record<string, string[]> {
  const fields = [textOf(fingerprint), rememberedUntil, at, length, expiresAt];
  return { [HEAD]: [fields.join(" ")], [RECIPIENT]: [encodeURI(recipient)] };
}

/** `undefined` if the headers are not those of a message. */
export function decodeHead(headers: HeaderFields | undefined): MessageHead | undefined {
  const message = decodeIndexed(headers);
  return headers === undefined || message === undefined ? undefined : { recipient: decodeURI(headers.get(RECIPIENT)), ...message };
}

/** {@link decodeHead} without the recipient. */
export function decodeIndexed(headers: HeaderFields | undefined): IndexedMessage | undefined {
  const [fingerprint = "", ...numbers] = headers?.get(HEAD).split(" ") ?? [];
  const [rememberedUntil, at, length, expiresAt] = numbers.map(Number);
  if (rememberedUntil === undefined || at === undefined || length === undefined || expiresAt === undefined) return undefined;
  return { fingerprint: fingerprintOf(fingerprint), rememberedUntil, at, length, expiresAt };
}

export function encodeMark({ by, box, settled, attempts }: Mark): Buffer {
  const rows = settled.map(({ seq, fingerprint, rememberedUntil }) => [seq, textOf(fingerprint), rememberedUntil]);
  return Buffer.from(JSON.stringify({ by, box, settled: rows, attempts }));
}

/** `undefined` if it is not a mark. */
export function decodeMark(body: Uint8Array): Mark | undefined {
  const value = parse(body);
  if (!isJsonObject(value)) return undefined;
  const { by, box, settled, attempts } = value;
  if (typeof by !== "string" || !Array.isArray(settled) || !Array.isArray(attempts)) return undefined;
  return {
    by,
    box: box === "opened" || box === "closed" ? box : undefined,
    settled: (settled as [number, string, number][]).map(([seq, text, rememberedUntil]) => ({
      seq,
      fingerprint: fingerprintOf(text),
      rememberedUntil,
    })),
    attempts: attempts as [number, number][],
  };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch {
    return undefined;
  }
}

function textOf(fingerprint: Fingerprint): string {
  return Buffer.from(fingerprint, "latin1").toString("base64url");
}

function fingerprintOf(text: string): Fingerprint {
  return Buffer.from(text, "base64url").toString("latin1");
}
