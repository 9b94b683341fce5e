const FIN = 0x80;
const MASKED = 0x80;
const MASK_LENGTH = 4;
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
  /** Bytes of the header that have arrived, of which the first two encode its length. Not in a buffer: that takes 200 bytes. */
  #headerLength = 0;
  #first = 0;
  #second = 0;
  #length = 0;
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
        if (this.#readHeader(chunk[at++] ?? 0)) this.#begin();
        else continue;
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

  /** Reads one byte of a header. Returns whether it was the last one. */
  #readHeader(byte: number): boolean {
    const at = this.#headerLength++;
    if (at === 0) {
      this.#first = byte;
      return false;
    }
    if (at === 1) {
      this.#second = byte;
      this.#length = extensionOf(byte) === 0 ? byte & ~MASKED : 0;
    } else if (at < 2 + extensionOf(this.#second)) {
      // A length that a number can't hold exactly exceeds every limit: the library closes the connection.
      this.#length = this.#length * 256 + byte;
    }
    return this.#headerLength === 2 + extensionOf(this.#second) + ((this.#second & MASKED) === 0 ? 0 : MASK_LENGTH);
  }

  #begin(): void {
    this.#headerLength = 0;
    this.#payloadLeft = this.#length;
    this.#isControl = (this.#first & 0x08) !== 0;
    this.#isLast = (this.#first & FIN) !== 0;
    if (this.#isControl || !this.#isLast) this.#parts += 1;
    if (!this.#isControl && !this.#isLast) this.#held += FRAGMENT_OVERHEAD;
  }
}

/** Bytes of the length that follow the second byte of a header. */
function extensionOf(second: number): number {
  const length = second & ~MASKED;
  return length === 127 ? 8 : length === 126 ? 2 : 0;
}
