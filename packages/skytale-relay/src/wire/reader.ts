import { FrameError } from "./frame-error.ts";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const TWO_32 = 2 ** 32;

/**
 * Reads the fields of a Protobuf message in order, without copying. See https://protobuf.dev/programming-guides/encoding/
 *
 * Own code rather than `@bufbuild/protobuf/wire`: with that, encoding and decoding a message on its way through client and relay took 1.7
 * times (payload of 100 bytes) to 2.3 times (1,000 bytes) as much CPU time.
 */
export class Reader {
  /** Number of the current field. */
  field = 0;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #type = 0;
  /** Offset of the current field, including its tag. */
  #start = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Advances to the next field, which must then be read or skipped. Returns false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.#start = this.#at;
    const tag = this.#varint();
    this.#type = tag & 7;
    this.field = Math.floor(tag / 8);
    if (this.field === 0 || tag >= TWO_32) throw new FrameError("a field number is invalid");
    return true;
  }

  /** Reads an unsigned number up to 2^53 - 1. */
  number(): number {
    this.#expect(VARINT);
    return this.#varint();
  }

  /** Reads an unsigned number of up to 64 bits. */
  bigint(): bigint {
    this.#expect(VARINT);
    const from = this.#at;
    const small = this.#tryVarint();
    if (small !== undefined) return BigInt(small);
    this.#at = from;
    return this.#varint64();
  }

  /** Returns a view of a bytes field. */
  bytes(): Uint8Array {
    const length = this.#length();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Returns a reader of an embedded message. */
  message(): Reader {
    const length = this.#length();
    this.#at += length;
    return new Reader(this.#bytes, this.#at - length, this.#at);
  }

  skip(): void {
    switch (this.#type) {
      case VARINT:
        this.#skipVarint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case BYTES:
        // Evaluated before `#advance`, because reading the length moves the offset.
        this.#advance(this.#length());
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new FrameError("a field has an unknown wire type");
    }
  }

  /** Skips the field, and returns a view of its bytes including the tag. */
  raw(): Uint8Array {
    this.skip();
    return this.#bytes.subarray(this.#start, this.#at);
  }

  #expect(type: number): void {
    if (this.#type !== type) throw new FrameError(`field ${this.field} has the wrong wire type`);
  }

  #length(): number {
    this.#expect(BYTES);
    const length = this.#varint();
    if (length > this.#end - this.#at) throw new FrameError("a field is longer than its message");
    return length;
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new FrameError("a field is longer than its message");
    this.#at += count;
  }

  #varint(): number {
    const value = this.#tryVarint();
    if (value === undefined) throw new FrameError("a number is too large");
    return value;
  }

  /** Returns undefined for a number above 2^53 - 1. */
  #tryVarint(): number | undefined {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
      scale *= 128;
    }
    return undefined;
  }

  #varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new FrameError("a number is too long");
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) if (this.#byte() < 0x80) return;
    throw new FrameError("a number is too long");
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (byte === undefined) throw new FrameError("a message ends in the middle of a field");
    this.#at++;
    return byte;
  }
}
