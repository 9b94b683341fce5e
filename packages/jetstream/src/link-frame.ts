import { isJsonObject, type JsonObject } from "@parley/core";

/** A message between servers: a JSON object, and bytes that are not part of it. */
export interface LinkMessage {
  readonly head: JsonObject;
  readonly body?: Uint8Array | undefined;
}

/** What one server publishes for another in one turn of the event loop. */
export interface LinkFrame {
  /** The server that sends it. */
  readonly from: string;
  /** Starts again, with a higher number, when messages were lost. */
  readonly generation: number;
  /** Of the frame, from 1; of the last one sent if it has no messages. */
  readonly seq: number;
  readonly messages: readonly LinkMessage[];
}

const LENGTH_BYTES = 4;

/** A message whose head is JSON text already. */
export interface QueuedMessage {
  readonly head: string;
  readonly body: Uint8Array | undefined;
}

/** Encodes a frame: the length of the head, the head as JSON, and the bodies of its messages one after the other. */
export function encodeLinkFrame({
  from,
  generation,
  seq,
  messages,
}: Omit<LinkFrame, "messages"> & { readonly messages: readonly QueuedMessage[] }): Uint8Array {
  const rows = messages.map(({ head, body }) => (body === undefined ? `[${head}]` : `[${head},${body.length}]`));
  const head = Buffer.from(`[${JSON.stringify(from)},${generation},${seq},[${rows.join(",")}]]`);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...messages.flatMap(({ body }) => body ?? [])]);
}

/** `undefined` if the bytes are not a frame. */
export function decodeLinkFrame(data: Uint8Array): LinkFrame | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + bytes.readUInt32LE();
  const value = end > bytes.length ? undefined : parse(bytes.toString("utf8", LENGTH_BYTES, end));
  if (!Array.isArray(value)) return undefined;
  const [from, generation, seq, rows] = value as readonly unknown[];
  if (typeof from !== "string" || !isCount(generation) || !isCount(seq) || !Array.isArray(rows)) return undefined;
  const messages: LinkMessage[] = [];
  let at = end;
  for (const row of rows as readonly unknown[]) {
    const [head, length] = Array.isArray(row) ? (row as readonly unknown[]) : [];
    if (!isJsonObject(head)) return undefined;
    if (length === undefined) messages.push({ head });
    else if (isCount(length) && at + length <= bytes.length) messages.push({ head, body: bytes.subarray(at, (at += length)) });
    else return undefined;
  }
  return { from, generation, seq, messages };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
