import { MlsError } from "../errors.ts";
import { Reader } from "./reader.ts";

export { malformed, Reader } from "./reader.ts";

/** Reads the whole of some bytes. */
export function decodeWhole<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

/** Writes the presentation language of RFC 9420 §2.1. */
export class Writer {
  #bytes = new Uint8Array(128);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u8(value: number): this {
    const start = this.#grow(1);
    this.#view.setUint8(start, value);
    return this;
  }

  u16(value: number): this {
    const start = this.#grow(2);
    this.#view.setUint16(start, value);
    return this;
  }

  u32(value: number): this {
    const start = this.#grow(4);
    this.#view.setUint32(start, value);
    return this;
  }

  u64(value: bigint): this {
    const start = this.#grow(8);
    this.#view.setBigUint64(start, value);
    return this;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  /** `opaque<V>`. */
  vector(bytes: Uint8Array): this {
    const length = bytes.length;
    if (length < 64) this.u8(length);
    else if (length < 16_384) this.u16(0x4000 | length);
    else if (length < 0x4000_0000) this.u32(0x8000_0000 + length);
    else throw new MlsError("too_large", "A vector has more than 2^30 - 1 bytes");
    return this.raw(bytes);
  }

  /** `T<V>`. */
  list<T>(items: Iterable<T>, write: (writer: Writer, item: T) => void): this {
    const inner = new Writer();
    for (const item of items) write(inner, item);
    this.vector(inner.bytes());
    inner.erase();
    return this;
  }

  /** `optional<T>`. */
  optional<T>(value: T | undefined, write: (writer: Writer, value: T) => void): this {
    this.u8(value === undefined ? 0 : 1);
    if (value !== undefined) write(this, value);
    return this;
  }

  /** What was written; a view while nothing more is. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Erases what was written: it may hold secrets. */
  erase(): void {
    this.bytes().fill(0);
  }

  #grow(count: number): number {
    const start = this.#length;
    const length = start + count;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes.fill(0);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = length;
    return start;
  }
}

/** What a function writes, as bytes of their own. */
export function encode(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  const bytes = writer.bytes().slice();
  writer.erase();
  return bytes;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Bytes as a key for maps. */
export function keyOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
