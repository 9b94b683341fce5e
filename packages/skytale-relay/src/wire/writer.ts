/** Bytes that a number takes as a varint. */
function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest /= 128) length++;
  return length;
}

/** Writes into bytes that are large enough. Fields that Protobuf leaves out because they are 0 or empty are left out here too. */
export class Writer {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length);
  }

  /** A field of a number. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#varint(field * 8);
    this.#varint(value);
  }

  bigint(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#varint(field * 8);
    if (value <= Number.MAX_SAFE_INTEGER) return this.#varint(Number(value));
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80;
    this.bytes[this.at++] = Number(rest);
  }

  /** A field of bytes, written even when they are empty. */
  field(field: number, value: Uint8Array): void {
    this.header(field, value.length);
    this.raw(value);
  }

  /** What stands before the content of a message or of bytes. */
  header(field: number, length: number): void {
    this.#varint(field * 8 + 2);
    this.#varint(length);
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  #varint(value: number): void {
    const { bytes } = this;
    let rest = value;
    let { at } = this;
    while (rest >= 128) {
      // The bitwise operators would cut it to 32 bits.
      bytes[at++] = rest < 0x8000_0000 ? (rest & 0x7f) | 0x80 : (rest % 128) + 128;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128);
    }
    bytes[at++] = rest;
    this.at = at;
  }
}

/** Bytes of a field with a number, for field numbers below 16. */
export function numberFieldLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

export function bigintFieldLength(value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return numberFieldLength(Number(value));
  let length = 1;
  for (let rest = value; rest > 0n; rest >>= 7n) length++;
  return length;
}

/** Bytes of a field with so many bytes, for field numbers below 16. */
export function bytesFieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}
