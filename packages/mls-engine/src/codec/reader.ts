import { MlsEngineError } from "../errors.ts";

/**
 * Reads the presentation language of [RFC 9420 §2.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-2.1).
 *
 * It returns views of the input and copies nothing. A length that a peer states is compared with the remaining bytes before it is used, so
 * it can't cause a large allocation. Every method throws MlsEngineError `malformed` if the input ends early or breaks a rule.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#at;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The bytes that were read since an offset. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#at);
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

  /**
   * The length of a vector ([RFC 9420 §2.1.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-2.1.2)). Only the shortest encoding is
   * accepted, so that a structure has one encoding and one hash.
   */
  length(): number {
    const first = this.u8();
    const prefix = first >> 6;
    if (prefix === 0) return first;
    if (prefix === 3) throw malformed("A vector's length has the invalid prefix 3");
    let value = first & 0x3f;
    for (let more = prefix === 1 ? 1 : 3; more > 0; more--) value = value * 256 + this.u8();
    if (value < (prefix === 1 ? 0x40 : 0x4000)) throw malformed("A vector's length is not in its shortest encoding");
    return value;
  }

  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** `opaque<V>`. */
  vector(): Uint8Array {
    return this.bytes(this.length());
  }

  /**
   * `T<V>` with at most `max` items.
   *
   * @throws MlsEngineError `too_large`
   */
  list<T>(read: (reader: Reader) => T, max: number): T[] {
    const inner = new Reader(this.vector());
    const items: T[] = [];
    while (!inner.isDone) {
      if (items.length === max) throw new MlsEngineError("too_large", `A list has more than ${max} entries`);
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

  /** All remaining bytes. */
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** Checks that all bytes were read. */
  end(): void {
    if (!this.isDone) throw malformed("Unexpected bytes after the end of a structure");
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw malformed("The input ends inside a structure");
    this.#at = start + length;
    return start;
  }
}

/** Reads one structure that fills all of the bytes. */
export function decodeWhole<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

export function malformed(message: string): MlsEngineError {
  return new MlsEngineError("malformed", message);
}
