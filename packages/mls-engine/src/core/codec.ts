import { MlsError } from "../errors.ts";

/** Reads the presentation language of RFC 9420 §2.1, strictly: shortest lengths only, nothing beyond the end. Vectors are views. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get isDone(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** What was read since an offset. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#offset);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** `opaque<V>`. */
  vector(): Uint8Array {
    const length = this.#length();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** `T<V>`: at most so many items. */
  list<T>(read: (reader: Reader) => T, max: number): T[] {
    const inner = new Reader(this.vector());
    const items: T[] = [];
    while (!inner.isDone) {
      if (items.length === max) throw new MlsError("too_large", `A list has more than ${max} entries`);
      items.push(read(inner));
    }
    return items;
  }

  /** `optional<T>`. */
  optional<T>(read: (reader: Reader) => T): T | undefined {
    const present = this.u8();
    if (present > 1) throw malformed("A presence octet is neither 0 nor 1");
    return present === 1 ? read(this) : undefined;
  }

  /** The rest must be nothing. */
  end(): void {
    if (!this.isDone) throw malformed("There are bytes after the end");
  }

  #length(): number {
    const first = this.u8();
    const prefix = first >> 6;
    if (prefix === 0) return first;
    if (prefix === 1) return atLeast(64, ((first & 0x3f) << 8) | this.u8());
    if (prefix === 2) return atLeast(16_384, ((first & 0x3f) << 24) | (this.u8() << 16) | this.u16());
    throw malformed("A length has an unknown prefix");
  }

  #take(count: number): number {
    const start = this.#offset;
    if (count > this.#bytes.length - start) throw malformed("The bytes end too early");
    this.#offset = start + count;
    return start;
  }
}

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
    return this.vector(inner.bytes());
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

  #grow(count: number): number {
    const start = this.#length;
    const length = start + count;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
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
  return writer.bytes().slice();
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

export function malformed(message: string): MlsError {
  return new MlsError("malformed", message);
}

function atLeast(minimum: number, length: number): number {
  if (length < minimum) throw malformed("A length is not written in the shortest way");
  return length;
}
