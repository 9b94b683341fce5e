import type { FairShareLease } from "@parley/core/internal";
import type { FrameStream } from "@parley/skytale-relay";

/** Bytes of parts that are put into one frame, about. */
const FRAME_BYTES = 512 * 1024;
/** Bytes of answers that a client may leave unread before it is read no further. */
const UNREAD_ANSWER_BYTES = 64 * 1024;

/** What an outbox needs of its stream's session. */
export interface OutboxOptions {
  readonly maxBytes: number;
  /** Calls back at the end of this turn of the event loop, or somewhat later. */
  readonly schedule: (flush: () => void) => void;
  /** Takes a part of the account's share of unread answers. */
  readonly lease: (bytes: number) => FairShareLease | undefined;
  /** There is room for deliveries again. */
  readonly onRoom: () => void;
}

/** What waits to be sent on one stream. All that one turn of the event loop brings goes out in one frame, or a few. */
export class Outbox {
  readonly #stream: FrameStream;
  readonly #options: OutboxOptions;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;
  /** The stream has enough to do. */
  #blocked = false;
  #closed = false;
  /** Bytes of answers that were added while the stream had enough to do. */
  #unread = 0;
  #lease: FairShareLease | undefined;
  #isShareUsedUp = false;

  constructor(stream: FrameStream, options: OutboxOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Whether deliveries may be added. */
  get roomy(): boolean {
    return !this.#blocked && !this.#closed && this.#bytes < this.#options.maxBytes;
  }

  /** Whether the client leaves so many answers unread that it must not cause more of them. */
  get isUnread(): boolean {
    return this.#unread > UNREAD_ANSWER_BYTES || this.#isShareUsedUp;
  }

  /** Adds an answer. It is never refused: a client that doesn't read its answers is not read either, see {@link isUnread}. */
  addAnswer(part: Uint8Array): void {
    if (this.#blocked && !this.#closed) this.#charge(part.length);
    this.add(part);
  }

  /** Adds a part of a frame. It may be shared, and must not change. */
  add(part: Uint8Array): void {
    if (this.#closed) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#closed || this.#parts.length === 0) return;
    const wasFull = !this.roomy;
    for (const frame of framesOf(this.#parts)) if (!this.#stream.send(frame)) this.#blocked = true;
    this.#parts = [];
    this.#bytes = 0;
    if (wasFull && this.roomy) this.#options.onRoom();
  }

  drained(): void {
    this.#blocked = false;
    this.#release();
    if (this.roomy) this.#options.onRoom();
  }

  close(): void {
    this.#closed = true;
    this.#parts = [];
    this.#release();
  }

  #charge(bytes: number): void {
    this.#unread += bytes;
    if (this.#lease === undefined) this.#lease = this.#options.lease(bytes);
    else if (!this.#lease.tryGrow(bytes)) this.#isShareUsedUp = true;
    if (this.#lease === undefined) this.#isShareUsedUp = true;
  }

  #release(): void {
    this.#lease?.release();
    this.#lease = undefined;
    this.#unread = 0;
    this.#isShareUsedUp = false;
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
