import type { FrameCipher } from "./frame-cipher.ts";

/** Length of what follows, and a check that the length is right and stands where it was written. */
const HEADER_BYTES = 8;

/** Frames of a file, as far as they are whole. */
export interface ReadFrames {
  readonly bodies: readonly Buffer[];
  /** Where the whole frames end. */
  readonly end: number;
  /**
   * What stands there: nothing (`clean`), a frame that was being written when the power failed and that nothing follows (`torn`), or
   * something that writing can't have left behind (`damaged`).
   */
  readonly rest: "clean" | "torn" | "damaged";
}

/** Cuts bytes into frames, each of which is there in full or not at all. */
export class FrameCodec {
  readonly #cipher: FrameCipher;
  readonly #seed: number;

  /** @param seed differs from file to file. */
  constructor(cipher: FrameCipher, seed: number) {
    this.#cipher = cipher;
    this.#seed = seed;
  }

  /** A frame with room for a body. Fill the body, then {@link FrameCodec.seal}. */
  blank(bodyLength: number): { frame: Buffer; body: Buffer } {
    const start = HEADER_BYTES + this.#cipher.headBytes;
    // No slab that is shared with others: bodies are secrets.
    const frame = Buffer.allocUnsafeSlow(start + bodyLength + this.#cipher.tailBytes);
    return { frame, body: frame.subarray(start, start + bodyLength) };
  }

  /** Makes a frame ready to be written at a position of its file. */
  seal(frame: Buffer, position: number): void {
    const length = frame.length - HEADER_BYTES;
    frame.writeUInt32LE(length, 0);
    frame.writeUInt32LE(this.#checkOf(length, position), 4);
    this.#cipher.seal(frame, HEADER_BYTES, position);
  }

  /** Reads frames from a position to the end of the bytes. */
  readAll(bytes: Buffer, start: number): ReadFrames {
    const bodies: Buffer[] = [];
    let position = start;
    while (position < bytes.length) {
      const body = this.#read(bytes, position);
      if (body === undefined) return { bodies, end: position, rest: this.#isLast(bytes, position) ? "torn" : "damaged" };
      bodies.push(body);
      position += HEADER_BYTES + bytes.readUInt32LE(position);
    }
    return { bodies, end: position, rest: "clean" };
  }

  #read(bytes: Buffer, position: number): Buffer | undefined {
    const end = this.#endOf(bytes, position);
    if (end === undefined || end > bytes.length) return undefined;
    return this.#cipher.open(bytes.subarray(position, end), HEADER_BYTES, position);
  }

  /** Where the frame at a position ends by its header; `undefined` if there is no header. */
  #endOf(bytes: Buffer, position: number): number | undefined {
    if (position + HEADER_BYTES > bytes.length) return undefined;
    const length = bytes.readUInt32LE(position);
    if (length < this.#cipher.headBytes + this.#cipher.tailBytes) return undefined;
    return bytes.readUInt32LE(position + 4) === this.#checkOf(length, position) ? position + HEADER_BYTES + length : undefined;
  }

  /** Whether a bad frame was the last one. Only one at a time is ever on its way to the disk. */
  #isLast(bytes: Buffer, position: number): boolean {
    const end = this.#endOf(bytes, position);
    if (end !== undefined) return end >= bytes.length;
    // The header itself is bad, so the next frame may be anywhere.
    for (let next = position + 1; next + HEADER_BYTES <= bytes.length; next += 1) {
      if (this.#endOf(bytes, next) !== undefined && this.#read(bytes, next) !== undefined) return false;
    }
    return true;
  }

  /** One to one in the length, so that a wrong length never passes with a right check. */
  #checkOf(length: number, position: number): number {
    const mixed = Math.imul(length ^ position ^ this.#seed, 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
