import type { FairShareLease } from "@parley/core/internal";
import type { FrameStream } from "@parley/skytale-relay";
import type { DeliveryBudget } from "./delivery-budget.ts";

/** Bytes of parts that are put into one frame, about. */
const FRAME_BYTES = 512 * 1024;
/** Bytes of answers that a client may leave unread before it is read no further. */
const UNREAD_ANSWER_BYTES = 64 * 1024;

/** What an outbox needs of its stream's session. */
export interface OutboxOptions {
  readonly maxBytes: number;
  readonly accountId: string;
  /** Counts the bytes that wait on all streams of the account. */
  readonly deliveries: DeliveryBudget;
  /** Calls back at the end of this turn of the event loop, or somewhat later. */
  readonly schedule: (flush: () => void) => void;
  /** Takes a part of the account's share of unread answers. */
  readonly lease: (bytes: number) => FairShareLease | undefined;
  /** There is room for deliveries again. */
  readonly onRoom: () => void;
}

/** The send queue of one stream. All parts that are added in one turn of the event loop are sent in one frame, or a few. */
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
  /** Bytes that were added and are not on the wire. */
  #waitingBytes = 0;
  /** When bytes were last put on the wire, or began to wait. */
  #progressAt = 0;

  constructor(stream: FrameStream, options: OutboxOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Whether deliveries may be added. */
  get hasCapacity(): boolean {
    const { deliveries, accountId } = this.#options;
    return this.#isStreamReady && deliveries.hasRoom(accountId);
  }

  get #isStreamReady(): boolean {
    return !this.#blocked && !this.#closed && this.#bytes < this.#options.maxBytes;
  }

  /** Whether bytes wait and none was sent for some time. */
  isStalled(now: number, ms: number): boolean {
    return this.#waitingBytes > 0 && now - this.#progressAt > ms;
  }

  /** Whether the client has too many unread responses, so that its stream must not be read. */
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
    if (this.#waitingBytes === 0) this.#progressAt = performance.now();
    this.#waitingBytes += part.length;
    this.#options.deliveries.add(this.#options.accountId, part.length);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#closed || this.#parts.length === 0) return;
    const wasFull = !this.#isStreamReady;
    for (const frame of framesOf(this.#parts)) if (!this.#stream.send(frame)) this.#blocked = true;
    this.#parts = [];
    this.#bytes = 0;
    if (wasFull) this.announceRoom();
  }

  drained(): void {
    this.#blocked = false;
    this.#release();
    this.announceRoom();
  }

  /** Called when bytes that were added are on the wire. */
  sent(bytes: number): void {
    this.#progressAt = performance.now();
    this.#stopWaiting(Math.min(bytes, this.#waitingBytes));
  }

  /** Calls `onRoom` when deliveries may be added: now, or once the account has room. The stream's own room is announced without a call. */
  announceRoom(): void {
    const { deliveries, accountId, onRoom } = this.#options;
    if (!this.#isStreamReady) return;
    if (deliveries.hasRoom(accountId)) onRoom();
    else deliveries.whenRoom(accountId, this.#onAccountRoom);
  }

  close(): void {
    this.#closed = true;
    this.#parts = [];
    this.#release();
    this.#options.deliveries.cancel(this.#options.accountId, this.#onAccountRoom);
    this.#stopWaiting(this.#waitingBytes);
  }

  readonly #onAccountRoom = (): void => this.announceRoom();

  #stopWaiting(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (bytes > 0) this.#options.deliveries.remove(this.#options.accountId, bytes);
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

/** A part of a frame is itself a frame (protobuf concatenation). A single part is sent without a copy, and many streams can share it. */
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
