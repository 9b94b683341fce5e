const FIN = 0x80;
const MASKED = 0x80;
/** The longest header: two bytes, a length of eight and a mask of four. */
const MAX_HEADER = 14;
/** Approximate bytes that the WebSocket library keeps per fragment, in addition to its content. */
const FRAGMENT_OVERHEAD = 128;
/** Bytes that a chunk of an incomplete frame counts at least, because the library keeps each chunk with a buffer of its own. */
const LEAST_CHUNK = 512;

/**
 * Parses WebSocket frame headers in the received bytes, to measure how much of an incomplete message is buffered. The library reports
 * complete messages only.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6455#section-5.2 | RFC 6455, Base Framing Protocol}
 */
export class FrameMeter {
  readonly #header = Buffer.alloc(MAX_HEADER);
  #headerLength = 0;
  #payloadLeft = 0;
  #isControl = false;
  #isLast = false;
  #held = 0;
  #parts = 0;

  /** Bytes buffered of an incomplete message, including the overhead of fragments and short chunks. */
  get held(): number {
    return this.#held;
  }

  /** Returns the number of frames since the last call that complete no message: fragments, pings and pongs. */
  takeParts(): number {
    const parts = this.#parts;
    this.#parts = 0;
    return parts;
  }

  /** Processes received bytes. Returns whether they completed a message. */
  push(chunk: Buffer): boolean {
    let completed = false;
    for (let at = 0; at < chunk.length;) {
      if (this.#payloadLeft === 0) {
        this.#header[this.#headerLength++] = chunk[at++] ?? 0;
        if (this.#headerLength < headerLength(this.#header, this.#headerLength)) continue;
        this.#begin();
      } else {
        const length = Math.min(this.#payloadLeft, chunk.length - at);
        at += length;
        this.#payloadLeft -= length;
        if (!this.#isControl) this.#held += length;
      }
      if (this.#payloadLeft > 0 || this.#isControl || !this.#isLast) continue;
      this.#held = 0;
      completed = true;
    }
    if (this.#payloadLeft > 0 && !this.#isControl) this.#held += Math.max(0, LEAST_CHUNK - chunk.length);
    return completed;
  }

  #begin(): void {
    const [first = 0] = this.#header;
    this.#headerLength = 0;
    this.#payloadLeft = payloadLength(this.#header);
    this.#isControl = (first & 0x08) !== 0;
    this.#isLast = (first & FIN) !== 0;
    if (this.#isControl || !this.#isLast) this.#parts += 1;
    if (!this.#isControl && !this.#isLast) this.#held += FRAGMENT_OVERHEAD;
  }
}

/** Length of a header, as far as the received bytes determine it. */
function headerLength(header: Buffer, arrived: number): number {
  if (arrived < 2) return 2;
  const second = header[1] ?? 0;
  const length = second & ~MASKED;
  return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + ((second & MASKED) === 0 ? 0 : 4);
}

function payloadLength(header: Buffer): number {
  const length = (header[1] ?? 0) & ~MASKED;
  if (length < 126) return length;
  // A length that a number can't hold exactly exceeds every limit: the library closes the connection.
  return length === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
}
