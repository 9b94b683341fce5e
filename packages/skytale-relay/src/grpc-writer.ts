/** The writable side of a gRPC stream, at client or server. */
interface FrameSink {
  write(frame: Uint8Array, sent: () => void): unknown;
}

/** Writes frames to a gRPC stream with back-pressure, by counting the bytes that are written but not yet sent. */
export class GrpcWriter {
  readonly #sink: FrameSink;
  readonly #highWater: number;
  readonly #drained: () => void;
  readonly #onSent: (bytes: number) => void;
  #waitingBytes = 0;
  #overfull = false;

  /**
   * @param highWater number of unsent bytes above which {@link GrpcWriter.write} returns false.
   * @param drained called once after each such period, when the unsent bytes have fallen to half of `highWater`.
   * @param onSent called for each frame that has been sent, with its number of bytes.
   */
  constructor(sink: FrameSink, highWater: number, drained: () => void, onSent: (bytes: number) => void = () => undefined) {
    this.#sink = sink;
    this.#highWater = highWater;
    this.#drained = drained;
    this.#onSent = onSent;
  }

  /** @returns false when the caller should wait for `drained`. */
  write(frame: Uint8Array): boolean {
    const { length } = frame;
    this.#waitingBytes += length;
    this.#sink.write(frame, () => this.#sent(length));
    this.#overfull ||= this.#waitingBytes > this.#highWater;
    return !this.#overfull;
  }

  #sent(length: number): void {
    this.#waitingBytes -= length;
    this.#onSent(length);
    if (!this.#overfull || this.#waitingBytes > this.#highWater / 2) return;
    this.#overfull = false;
    this.#drained();
  }
}

/** Returns a view of the same bytes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Identity function, as gRPC's (de)serializer of raw bytes. */
export function asIs(bytes: Buffer): Buffer {
  return bytes;
}
