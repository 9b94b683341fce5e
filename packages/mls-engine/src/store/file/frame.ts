import type { FrameCipher } from "./frame-cipher.ts";

/** The length of the rest of the frame, and a check of that length and of the position. */
const HEADER_BYTES = 8;

/** The complete frames of a file. */
export interface ReadFrames {
  readonly bodies: readonly Buffer[];
  /** Where the complete frames end. */
  readonly end: number;
  /**
   * What follows the complete frames: nothing (`clean`), one frame whose write a power failure interrupted (`torn`), or bytes that an
   * interrupted write cannot have left (`damaged`).
   */
  readonly rest: "clean" | "torn" | "damaged";
}

/** Reads and writes frames: units that are either complete or ignored. */
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
    // Not from the shared pool of Buffer: bodies contain secrets.
    const frame = Buffer.allocUnsafeSlow(start + bodyLength + this.#cipher.tailBytes);
    return { frame, body: frame.subarray(start, start + bodyLength) };
  }

  /** Completes a frame for a position of its file. */
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

  /** The end of the frame at a position, according to its header; `undefined` if the header is invalid. */
  #endOf(bytes: Buffer, position: number): number | undefined {
    if (position + HEADER_BYTES > bytes.length) return undefined;
    const length = bytes.readUInt32LE(position);
    if (length < this.#cipher.headBytes + this.#cipher.tailBytes) return undefined;
    return bytes.readUInt32LE(position + 4) === this.#checkOf(length, position) ? position + HEADER_BYTES + length : undefined;
  }

  /** Whether an invalid frame is the last one. Only one frame at a time is written, so an interrupted write spoils only the last one. */
  #isLast(bytes: Buffer, position: number): boolean {
    const end = this.#endOf(bytes, position);
    if (end !== undefined) return end >= bytes.length;
    // The header is invalid, so the next frame may start anywhere.
    for (let next = position + 1; next + HEADER_BYTES <= bytes.length; next += 1) {
      if (this.#endOf(bytes, next) !== undefined && this.#read(bytes, next) !== undefined) return false;
    }
    return true;
  }

  /** A bijection of the length, so that no two lengths have the same check. */
  #checkOf(length: number, position: number): number {
    const mixed = Math.imul(length ^ position ^ this.#seed, 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
