/** Largest length that a vector may have (RFC 9420 §2.1.2). */
const MAX_LENGTH = 0x3fff_ffff;

/** Writes the encoding of RFC 9420 §2.1 into a buffer of known size. */
export class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
    return this;
  }

  u64(value: bigint): this {
    this.#view.setBigUint64(this.#at, value);
    this.#at += 8;
    return this;
  }

  length(value: number): this {
    if (value < 0x40) return this.u8(value);
    if (value < 0x4000) return this.u16(0x4000 | value);
    if (value <= MAX_LENGTH) return this.u32(0x8000_0000 + value);
    throw new RangeError("A vector can't be that long");
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  vector(value: Uint8Array): this {
    return this.length(value.length).bytes(value);
  }

  /** What has been written; the rest of the buffer are zeros. */
  finish(): Uint8Array {
    return this.#bytes;
  }
}

/** Bytes that a vector of this length takes, its length included. */
export function vectorSize(length: number): number {
  return length + (length < 0x40 ? 1 : length < 0x4000 ? 2 : 4);
}
