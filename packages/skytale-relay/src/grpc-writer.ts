/** What frames are written to: either end of a gRPC stream. */
interface FrameSink {
  write(frame: Uint8Array, sent: () => void): unknown;
}

/** Writes frames to one end of a gRPC stream, and tells when it is better to wait: it counts what is written but not yet on the wire. */
export class GrpcWriter {
  readonly #sink: FrameSink;
  readonly #highWater: number;
  readonly #drained: () => void;
  #waitingBytes = 0;
  #overfull = false;

  /**
   * @param highWater bytes that wait beyond which it is better to wait.
   * @param drained called when half of them are left, once for each time that {@link GrpcWriter.write} has begun to say so.
   */
  constructor(sink: FrameSink, highWater: number, drained: () => void) {
    this.#sink = sink;
    this.#highWater = highWater;
    this.#drained = drained;
  }

  /** @returns false when it is better to wait. */
  write(frame: Uint8Array): boolean {
    const { length } = frame;
    this.#waitingBytes += length;
    this.#sink.write(frame, () => this.#sent(length));
    this.#overfull ||= this.#waitingBytes > this.#highWater;
    return !this.#overfull;
  }

  #sent(length: number): void {
    this.#waitingBytes -= length;
    if (!this.#overfull || this.#waitingBytes > this.#highWater / 2) return;
    this.#overfull = false;
    this.#drained();
  }
}

/** The same bytes, not a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** For gRPC, which is to leave a message's bytes alone. */
export function asIs(bytes: Buffer): Buffer {
  return bytes;
}
