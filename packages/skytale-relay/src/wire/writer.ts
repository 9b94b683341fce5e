/** Length of a number as a varint, in bytes. */
function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest /= 128) length++;
  return length;
}

/** Writes Protobuf fields into a buffer of a precomputed length. Omits numbers that are 0, as Protobuf does. */
export class Writer {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(length: number, bytes: Uint8Array = Buffer.allocUnsafe(length)) {
    this.bytes = bytes;
  }

  /** Writes a varint field. */
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

  /** Writes a bytes field, even if it is empty. */
  field(field: number, value: Uint8Array): void {
    this.header(field, value.length);
    this.raw(value);
  }

  /** Writes the tag and the length of a message or bytes field. */
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
      // Bitwise operators truncate to 32 bits.
      bytes[at++] = rest < 0x8000_0000 ? (rest & 0x7f) | 0x80 : (rest % 128) + 128;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128);
    }
    bytes[at++] = rest;
    this.at = at;
  }
}

/** Length of a varint field, for field numbers below 16. */
export function numberFieldLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

export function bigintFieldLength(value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return numberFieldLength(Number(value));
  let length = 1;
  for (let rest = value; rest > 0n; rest >>= 7n) length++;
  return length;
}

/** Length of a bytes field with content of the given length, for field numbers below 16. */
export function bytesFieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}
