import { MlsError } from "../errors.ts";

/**
 * Reads the encoding of RFC 9420 §2.1. What it gives are views of the input; nothing is allocated by a length that a peer states.
 *
 * Every method throws MlsError `malformed` when the input ends early or breaks a rule.
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

  /** What was read since an offset. */
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

  /** A length ([RFC 9420 §2.1.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-2.1.2)), refused unless it is the shortest encoding. */
  length(): number {
    const first = this.u8();
    const prefix = first >> 6;
    if (prefix === 0) return first;
    if (prefix === 3) throw malformed("A length has an invalid prefix");
    let value = first & 0x3f;
    for (let more = prefix === 1 ? 1 : 3; more > 0; more--) value = value * 256 + this.u8();
    if (value < (prefix === 1 ? 0x40 : 0x4000)) throw malformed("A length isn't in its shortest encoding");
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

  /** All that is left. */
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** Everything must have been read. */
  end(): void {
    if (!this.isDone) throw malformed("There are bytes behind the end");
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw malformed("The bytes end early");
    this.#at = start + length;
    return start;
  }
}

export function malformed(message: string): MlsError {
  return new MlsError("malformed", message);
}
