import { MlsEngineError } from "../errors.ts";

/** Largest length of a vector (RFC 9420 §2.1.2). */
const MAX_VECTOR_LENGTH = 0x3fff_ffff;

/**
 * Writes the presentation language of [RFC 9420 §2.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-2.1).
 *
 * The content may be secret, so a buffer that is replaced by a larger one is erased.
 */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity the number of bytes that are expected. If it is exact, {@link Writer.finish} needs no copy. */
  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(capacity);
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
    return this;
  }

  u64(value: bigint): this {
    return this.u32(Number(value >> 32n)).u32(Number(value & 0xffff_ffffn));
  }

  /** Bytes without a length. */
  raw(bytes: Uint8Array): this {
    const start = this.#reserve(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  /** Zero bytes up to a total length, as padding. */
  padTo(length: number): this {
    this.#reserve(length - this.#length);
    return this;
  }

  /**
   * `opaque<V>`.
   *
   * @throws MlsEngineError `too_large`
   */
  vector(bytes: Uint8Array): this {
    return this.length(bytes.length).raw(bytes);
  }

  /** The length of a vector (RFC 9420 §2.1.2). @throws MlsEngineError `too_large` */
  length(value: number): this {
    if (value < 0x40) return this.u8(value);
    if (value < 0x4000) return this.u16(0x4000 | value);
    if (value <= MAX_VECTOR_LENGTH) return this.u32(0x8000_0000 + value);
    throw new MlsEngineError("too_large", `Vector too large: ${value} bytes, limit ${MAX_VECTOR_LENGTH}`);
  }

  /** `T<V>`. */
  list<T>(items: Iterable<T>, write: (writer: Writer, item: T) => void): this {
    const inner = new Writer();
    for (const item of items) write(inner, item);
    this.vector(inner.#bytes.subarray(0, inner.#length));
    inner.#bytes.fill(0, 0, inner.#length);
    return this;
  }

  /** `optional<T>`. */
  optional<T>(value: T | undefined, write: (writer: Writer, value: T) => void): this {
    this.u8(value === undefined ? 0 : 1);
    if (value !== undefined) write(this, value);
    return this;
  }

  /** The written bytes, in an array that shares no memory with this writer from now on. Nothing can be written afterwards. */
  finish(): Uint8Array {
    const bytes = this.#bytes;
    if (this.#length === bytes.length) return bytes;
    const copy = bytes.slice(0, this.#length);
    bytes.fill(0, 0, this.#length);
    return copy;
  }

  /** Makes room for more bytes, and returns where they start. */
  #reserve(count: number): number {
    const start = this.#length;
    const length = start + count;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes.fill(0);
      this.#bytes = larger;
    }
    this.#length = length;
    return start;
  }
}

/** The bytes that a function writes. */
export function encode(write: (writer: Writer) => void, capacity?: number): Uint8Array {
  const writer = new Writer(capacity);
  write(writer);
  return writer.finish();
}

/** Bytes that `opaque<V>` takes, its length included. */
export function vectorSize(length: number): number {
  return length + (length < 0x40 ? 1 : length < 0x4000 ? 2 : 4);
}
