import * as zlib from "node:zlib";
import { StoreError } from "../store-error.ts";

/** The format version of a store's files. */
const FORMAT = 1;
const MAGIC = "parley";
const START = MAGIC.length + 2;

/** The first bytes of each kind of file. */
export type HeaderKind = "store" | "log" | "rows";
const LETTERS: Readonly<Record<HeaderKind, string>> = { store: "S", log: "L", rows: "R" };

/** The size of a header with a payload of this length. */
export function headerBytes(payloadLength: number): number {
  return START + payloadLength + 4;
}

export function writeHeader(kind: HeaderKind, payload: Uint8Array): Buffer {
  const start = Buffer.concat([Buffer.from(MAGIC + LETTERS[kind]), Buffer.of(FORMAT), payload]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(zlib.crc32(start));
  return Buffer.concat([start, sum]);
}

/**
 * The payload of a header.
 *
 * @throws StoreError `damaged`, `format_unsupported`
 */
export function readHeader(kind: HeaderKind, bytes: Buffer, payloadLength: number): Buffer {
  const end = START + payloadLength;
  if (bytes.toString("latin1", 0, START - 1) !== MAGIC + LETTERS[kind]) {
    throw new StoreError("damaged", "A file of the store has no valid header");
  }
  const version = bytes[START - 1] ?? 0;
  if (version > FORMAT) throw new StoreError("format_unsupported", `The store has format ${version}; this library reads ${FORMAT}`);
  if (bytes.length < end + 4 || bytes.readUInt32LE(end) !== zlib.crc32(bytes.subarray(0, end))) {
    throw new StoreError("damaged", "The header of a file of the store is damaged");
  }
  return bytes.subarray(START, end);
}
