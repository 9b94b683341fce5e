import type { Duplex } from "node:stream";
import { batchFrames } from "@parley/core/internal";

/** First byte of a WebSocket frame that holds a whole text message. */
const WHOLE_TEXT = 0x81;
/**
 * Maximum frames and characters per write, so that the peer works on the first ones while more are produced. With 64 requests in flight and no limit on
 * frames, the processes wait for each other: 0.72 to 0.78 times the rate, with the same processor time.
 */
const MAX_FRAMES = 32;
const MAX_LENGTH = 64 * 1024;
/** A text with at least this many characters is not batched. */
const LARGE_LENGTH = 16 * 1024;

/** The WebSocket of a {@link FrameWriter}. */
export interface FrameLink {
  /** Whether frames may be sent now; none may follow a close frame. */
  readonly isOpen: boolean;
}

/**
 * Writes text frames to a WebSocket's stream. Frames of one turn of the event loop are written in one chunk, whereas `WebSocket.send` makes
 * several buffers and writes for each. For servers (no masking) without extensions.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6455#section-5.2 | RFC 6455, Base Framing Protocol}
 */
export class FrameWriter {
  readonly #stream: Duplex;
  readonly #link: FrameLink;
  readonly #maxBatchBytes: number;
  #texts: string[] = [];
  #length = 0;
  #scheduled = false;

  /**
   * @param maxBatchBytes maximum size of a batch of texts in one WebSocket frame that the peer accepts; 0 for peers without batches.
   */
  constructor(stream: Duplex, link: FrameLink, maxBatchBytes = 0) {
    this.#stream = stream;
    this.#link = link;
    this.#maxBatchBytes = maxBatchBytes;
  }

  write(text: string): void {
    this.#length += text.length;
    if (this.#texts.push(text) >= MAX_FRAMES || this.#length >= MAX_LENGTH) return this.flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Writes the buffered frames. Must be called before anything else is sent on the WebSocket, such as a close. */
  flush(): void {
    if (this.#texts.length === 0) return;
    const texts = this.#maxBatchBytes === 0 ? this.#texts : batchFrames(this.#texts, this.#maxBatchBytes);
    this.#texts = [];
    this.#length = 0;
    if (!this.#link.isOpen) return;
    if (!texts.some(isLarge)) {
      this.#stream.write(framesOf(texts));
      return;
    }
    this.#stream.cork();
    for (const text of texts) {
      if (isLarge(text)) {
        const length = Buffer.byteLength(text);
        const header = Buffer.allocUnsafe(headerLength(length));
        writeHeader(header, 0, length);
        this.#stream.write(header);
        this.#stream.write(text, "utf8");
      } else {
        this.#stream.write(framesOf([text]));
      }
    }
    this.#stream.uncork();
  }
}

/** Whether a text is passed to the stream as a string, which the socket encodes without a buffer for the garbage collector. */
function isLarge(text: string): boolean {
  return text.length >= LARGE_LENGTH;
}

function framesOf(texts: readonly string[]): Buffer {
  let size = 0;
  for (const text of texts) {
    const length = Buffer.byteLength(text);
    size += headerLength(length) + length;
  }
  const chunk = Buffer.allocUnsafe(size);
  let at = 0;
  for (const text of texts) {
    at = writeHeader(chunk, at, Buffer.byteLength(text));
    at += chunk.write(text, at);
  }
  return chunk;
}

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

function writeHeader(chunk: Buffer, at: number, length: number): number {
  chunk[at] = WHOLE_TEXT;
  if (length < 126) return chunk.writeUInt8(length, at + 1);
  if (length < 65_536) return chunk.writeUInt16BE(length, chunk.writeUInt8(126, at + 1));
  return chunk.writeBigUInt64BE(BigInt(length), chunk.writeUInt8(127, at + 1));
}
