import { decodeBase64url, encodeBase64url } from "@parley/core/internal";
import { VcError } from "../vc-error.ts";
import { inflate } from "./inflate.ts";

/** Fewest entries of a list, so that an index does not identify the holder (Bitstring Status List, section 2.2). */
export const MIN_ENTRIES = 131_072;

/** An array of bits, starting with the most significant bit of the first byte (Bitstring Status List, section 3.1). */
export class Bitstring {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  /** Number of bits. */
  get length(): number {
    return this.#bytes.length * 8;
  }

  /** Reads an unsigned number of `size` bits, most significant bit first. */
  read(position: number, size = 1): number {
    let value = 0;
    for (let i = position; i < position + size; i += 1) value = value * 2 + this.#bit(i);
    return value;
  }

  set(position: number, on: boolean): void {
    const mask = 0x80 >> (position % 8);
    const byte = this.#bytes[position >> 3] ?? 0;
    this.#bytes[position >> 3] = on ? byte | mask : byte & ~mask;
  }

  /** Compresses the bytes with gzip and encodes them as multibase base64url. */
  async encode(): Promise<string> {
    const stream = new Blob([this.#bytes]).stream().pipeThrough(new CompressionStream("gzip"));
    return `u${encodeBase64url(new Uint8Array(await new Response(stream).arrayBuffer()))}`;
  }

  /**
   * Decodes the output of `encode`. Decompression stops at `maxBytes`.
   *
   * @throws VcError `status_invalid`, `too_large`
   */
  static async decode(encoded: string, maxBytes: number): Promise<Bitstring> {
    const compressed = encoded.startsWith("u") ? decodeBase64url(encoded.slice(1)) : undefined;
    if (compressed === undefined) throw new VcError("status_invalid", "The status list is not multibase base64url");
    return new Bitstring(await inflate(compressed, "gzip", maxBytes));
  }

  #bit(position: number): number {
    return ((this.#bytes[position >> 3] ?? 0) >> (7 - (position % 8))) & 1;
  }
}
