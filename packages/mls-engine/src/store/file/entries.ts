import { StoreError } from "../store-error.ts";

/** Length of a file's id, in bytes. */
export const FILE_ID_BYTES = 16;

/** An entry of a frame. A later entry of the same key replaces an earlier one. */
export type Entry =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "remove"; readonly key: string }
  /** Name of the partition: the first frame of each file. */
  | { readonly type: "name"; readonly name: string }
  /** The file with the public rows, and its valid length. */
  | { readonly type: "rows"; readonly id: Uint8Array; readonly length: number };

const TYPES = { put: 1, remove: 2, name: 3, rows: 4 } as const;
const LENGTH_BYTES = 6;

/** Encodes entries for a frame, in a buffer of their own that can be erased. */
export function encodeEntries(entries: Iterable<Entry>): Buffer {
  const list = Array.from(entries);
  let size = 0;
  for (const entry of list) size += sizeOf(entry);
  const bytes = Buffer.allocUnsafeSlow(size);
  writeEntries(list, bytes);
  return bytes;
}

/** Bytes that an entry takes. */
export function sizeOf(entry: Entry): number {
  if (entry.type === "rows") return 1 + FILE_ID_BYTES + LENGTH_BYTES;
  const start = 1 + sizeOfText(entry.type === "name" ? entry.name : entry.key);
  return entry.type === "put" ? start + sizeOfLength(entry.value.length) + entry.value.length : start;
}

function writeEntries(entries: readonly Entry[], into: Buffer): void {
  let offset = 0;
  const writeLength = (length: number): void => {
    for (let rest = length; ; rest >>>= 7) {
      offset = into.writeUInt8(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest, offset);
      if (rest <= 0x7f) return;
    }
  };
  const writeText = (text: string): void => {
    writeLength(Buffer.byteLength(text));
    offset += into.write(text, offset);
  };
  for (const entry of entries) {
    offset = into.writeUInt8(TYPES[entry.type], offset);
    switch (entry.type) {
      case "put":
        writeText(entry.key);
        writeLength(entry.value.length);
        into.set(entry.value, offset);
        offset += entry.value.length;
        break;
      case "remove":
        writeText(entry.key);
        break;
      case "name":
        writeText(entry.name);
        break;
      case "rows":
        into.set(entry.id, offset);
        offset = into.writeUIntLE(entry.length, offset + FILE_ID_BYTES, LENGTH_BYTES);
        break;
    }
  }
}

/**
 * Reads the entries of a frame. Values are views on it.
 *
 * @throws StoreError `damaged`
 */
export function* readEntries(bytes: Buffer): Generator<Entry> {
  let offset = 0;
  const take = (length: number): Buffer => {
    if (length > bytes.length - offset) throw new StoreError("damaged", "An entry of the store is truncated");
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  const takeLength = (): number => {
    let length = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = take(1).readUInt8();
      length |= (byte & 0x7f) << shift;
      if (byte <= 0x7f) return length;
    }
    throw new StoreError("damaged", "An entry of the store has no valid length");
  };
  const takeText = (): string => take(takeLength()).toString("utf8");
  while (offset < bytes.length) {
    const type = take(1).readUInt8();
    if (type === TYPES.put) yield { type: "put", key: takeText(), value: take(takeLength()) };
    else if (type === TYPES.remove) yield { type: "remove", key: takeText() };
    else if (type === TYPES.name) yield { type: "name", name: takeText() };
    else if (type === TYPES.rows) yield { type: "rows", id: take(FILE_ID_BYTES), length: take(LENGTH_BYTES).readUIntLE(0, LENGTH_BYTES) };
    else throw new StoreError("damaged", "An entry of the store has an unknown type");
  }
}

function sizeOfText(text: string): number {
  const length = Buffer.byteLength(text);
  return sizeOfLength(length) + length;
}

function sizeOfLength(length: number): number {
  if (length < 2 ** 7) return 1;
  if (length < 2 ** 14) return 2;
  return length < 2 ** 21 ? 3 : 4;
}
