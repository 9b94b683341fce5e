import type { FrameStream } from "@parley/skytale-relay";

/** Bytes of parts that are put into one frame, about. */
const FRAME_BYTES = 512 * 1024;

/** What waits to be sent on one stream. All that one turn of the event loop brings goes out in one frame, or a few. */
export class Outbox {
  readonly #stream: FrameStream;
  readonly #maxBytes: number;
  readonly #onRoom: () => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;
  /** The stream has enough to do. */
  #blocked = false;
  #closed = false;

  /** @param onRoom called when there is room again. */
  constructor(stream: FrameStream, maxBytes: number, onRoom: () => void) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#onRoom = onRoom;
  }

  /** Whether deliveries may be added. Answers may always: what they answer is limited. */
  get roomy(): boolean {
    return !this.#blocked && !this.#closed && this.#bytes < this.#maxBytes;
  }

  /** Adds a part of a frame. It may be shared, and must not change. */
  add(part: Uint8Array): void {
    if (this.#closed) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#closed || this.#parts.length === 0) return;
    const wasFull = !this.roomy;
    for (const frame of framesOf(this.#parts)) if (!this.#stream.send(frame)) this.#blocked = true;
    this.#parts = [];
    this.#bytes = 0;
    if (wasFull && this.roomy) this.#onRoom();
  }

  drained(): void {
    this.#blocked = false;
    if (this.roomy) this.#onRoom();
  }

  close(): void {
    this.#closed = true;
    this.#parts = [];
  }
}

/** Parts of frames are frames; so one that is alone goes out as it is, and may be the same for many streams. */
function framesOf(parts: readonly Uint8Array[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, part] of parts.entries()) {
    if (index > start && bytes + part.length > FRAME_BYTES) {
      frames.push(join(parts.slice(start, index)));
      start = index;
      bytes = 0;
    }
    bytes += part.length;
  }
  frames.push(join(start === 0 ? parts : parts.slice(start)));
  return frames;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}
