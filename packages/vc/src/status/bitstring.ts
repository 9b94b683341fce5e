import { concatBytes, decodeBase64url, encodeBase64url } from "@parley/core/internal";
import { VcError } from "../vc-error.ts";

/** The fewest entries of a list, so that an index says little about a credential's holder (Bitstring Status List, section 2.2). */
export const MIN_ENTRIES = 131_072;

/** Bits, the first of which is the leftmost of the first byte (Bitstring Status List, section 3.1). */
export class Bitstring {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  /** Number of bits. */
  get length(): number {
    return this.#bytes.length * 8;
  }

  /** The number that `size` bits from a position hold, the most significant first. */
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

  /** Multibase base64url of the gzip of the bytes. */
  async encode(): Promise<string> {
    const stream = new Blob([this.#bytes]).stream().pipeThrough(new CompressionStream("gzip"));
    return `u${encodeBase64url(new Uint8Array(await new Response(stream).arrayBuffer()))}`;
  }

  /**
   * Reads what `encode` writes, decompressing no further than a cap.
   *
   * @throws VcError `status_invalid`, `too_large`
   */
  static async decode(encoded: string, maxBytes: number): Promise<Bitstring> {
    const compressed = encoded.startsWith("u") ? decodeBase64url(encoded.slice(1)) : undefined;
    if (compressed === undefined) throw new VcError("status_invalid", "The status list is no multibase base64url");
    return new Bitstring(await decompress(compressed, maxBytes));
  }

  #bit(position: number): number {
    return ((this.#bytes[position >> 3] ?? 0) >> (7 - (position % 8))) & 1;
  }
}

async function decompress(compressed: Uint8Array<ArrayBuffer>, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const chunk = next.value as Uint8Array;
      length += chunk.length;
      if (length > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new VcError("status_invalid", "The status list is no gzip", { cause: error });
  }
  if (length > maxBytes) {
    // A bomb is not decompressed to its end, and nobody waits for what becomes of the rest.
    reader.cancel().catch(() => {});
    throw new VcError("too_large", `A status list has at most ${maxBytes} bytes`);
  }
  return concatBytes(chunks);
}
