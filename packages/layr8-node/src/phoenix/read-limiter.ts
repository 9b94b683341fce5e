import type { FairShareLease } from "@parley/core/internal";
import type { WebSocket } from "ws";
import { FrameMeter } from "./frame-meter.ts";

/** Longest wait before a client above its rate is checked for available units, in milliseconds: other sockets of its owner share them. */
const MAX_PAUSE_MS = 1000;
/** Unsent bytes, in high-water marks, above which the client is not read: replies have no other limit. Deliveries alone never reach it. */
const UNREAD_MARKS = 2;
/** Incomplete messages are charged in steps of this many bytes. */
const HELD_STEP = 4 * 1024;
/** How often a socket without budget for the rest of a message retries, and for how long, in milliseconds. */
const ROOM_RETRY_MS = 100;
const ROOM_PATIENCE_MS = 5000;
/** Time that a client has to disconnect after it was closed for lack of budget, in milliseconds. */
const LINGER_MS = 1000;

/** The owner of a socket, charged for what the node reads from it. */
export interface ReadAccount {
  /** Charges the owner for work; 0 units query only. Returns the milliseconds after which the socket may be read again. */
  charge(units: number): number;
  /** Reserves budget for bytes of an incomplete message; `undefined` if the owner, or all owners together, have none left. */
  hold(bytes: number): FairShareLease | undefined;
}

/** Limits of {@link ReadLimiter}. */
export interface ReadLimits {
  /** Bytes in the send buffer above which channels are not writable. */
  readonly highWaterMark: number;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** Reads from a WebSocket under a {@link ReadLimiter}. */
export interface LimitedReader {
  /** The rest of a message had to wait for too long. The socket is terminated a second later. */
  outOfBudget(): void;
}

/**
 * Pauses the reading of a WebSocket: while its owner is above its rate, while there is no budget for the rest of an incomplete message, and
 * while the client doesn't read what was written.
 */
export class ReadLimiter {
  readonly #ws: WebSocket;
  readonly #account: ReadAccount;
  readonly #limits: ReadLimits;
  readonly #owner: LimitedReader;
  readonly #meter = new FrameMeter();
  /** Reading is paused until then: the owner is above its rate. */
  #pause: NodeJS.Timeout | undefined;
  /** When the last such pause ended. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** Nothing is read until the client has received what was written. */
  #isUnread = false;
  /** Budget reserved for an incomplete message, and its size. */
  #held: FairShareLease | undefined;
  #heldBytes = 0;
  /** When the incomplete message began. */
  #partialSince = 0;
  /** Reading is paused until then: no budget is left for the rest of a message. */
  #roomTimer: NodeJS.Timeout | undefined;

  constructor(ws: WebSocket, account: ReadAccount, limits: ReadLimits, owner: LimitedReader) {
    this.#ws = ws;
    this.#account = account;
    this.#limits = limits;
    this.#owner = owner;
    // Connecting again regains nothing.
    this.charge(0);
  }

  /** How long the client has been silent while it was read, in milliseconds. */
  silentFor(now: number, lastHeardAt: number): number {
    return this.#pause === undefined ? now - Math.max(lastHeardAt, this.#pausedUntil) : 0;
  }

  /** How long a message has been incomplete, in milliseconds; 0 without one. */
  incompleteFor(now: number): number {
    return this.#held === undefined ? 0 : now - this.#partialSince;
  }

  /** Charges all frames, rejected ones included. Above its rate the owner is read more slowly. */
  charge(units: number): void {
    const waitMs = this.#account.charge(units);
    if (waitMs === 0 || this.#pause !== undefined) return;
    this.#ws.pause();
    this.#pauseFor(waitMs);
  }

  /** Charges the buffered part of an incomplete message as it arrives. */
  received(chunk: Buffer): void {
    if (this.#meter.push(chunk)) this.#partialSince = this.#limits.now();
    const parts = this.#meter.takeParts();
    if (parts > 0) this.charge(parts);
    const bytes = this.#meter.held - (this.#meter.held % HELD_STEP);
    if (bytes !== this.#heldBytes && !this.#hold(bytes)) this.#waitForRoom(bytes);
  }

  /** Reads nothing more from a client that does not read the replies. */
  checkUnread(): void {
    if (this.#isUnread || this.#ws.bufferedAmount <= UNREAD_MARKS * this.#limits.highWaterMark) return;
    this.#isUnread = true;
    this.#ws.pause();
  }

  /** The client has received what was written. */
  drained(): void {
    if (!this.#isUnread) return;
    this.#isUnread = false;
    this.#resume();
  }

  /** The socket has closed. */
  close(): void {
    clearTimeout(this.#pause);
    clearTimeout(this.#roomTimer);
    this.#releaseHeld();
  }

  /** One read takes up to 64 KiB of frames, so nothing is read before the owner has units again, however many sockets it has. */
  #pauseFor(waitMs: number): void {
    this.#pause = setTimeout(
      () => {
        const moreMs = this.#account.charge(0);
        if (moreMs > 0) return this.#pauseFor(moreMs);
        this.#pause = undefined;
        this.#pausedUntil = this.#limits.now();
        this.#resume();
      },
      Math.min(waitMs, MAX_PAUSE_MS),
    );
  }

  #resume(): void {
    if (this.#pause === undefined && this.#roomTimer === undefined && !this.#isUnread) this.#ws.resume();
  }

  #hold(bytes: number): boolean {
    if (bytes < this.#heldBytes) this.#releaseHeld();
    const more = bytes - this.#heldBytes;
    if (more === 0) return true;
    if (this.#held === undefined) {
      this.#partialSince = this.#limits.now();
      this.#held = this.#account.hold(more);
      if (this.#held === undefined) return false;
    } else if (!this.#held.tryGrow(more)) {
      return false;
    }
    this.#heldBytes = bytes;
    return true;
  }

  #releaseHeld(): void {
    this.#held?.release();
    this.#held = undefined;
    this.#heldBytes = 0;
  }

  /** Pauses reading until other messages of the owner are complete. After a timeout the client must reconnect. */
  #waitForRoom(bytes: number): void {
    const until = this.#limits.now() + ROOM_PATIENCE_MS;
    this.#ws.pause();
    const retry = (): void => {
      this.#roomTimer = undefined;
      if (this.#hold(bytes)) return this.#resume();
      if (this.#limits.now() >= until) return this.#giveUp();
      this.#roomTimer = setTimeout(retry, ROOM_RETRY_MS);
    };
    this.#roomTimer = setTimeout(retry, ROOM_RETRY_MS);
  }

  #giveUp(): void {
    this.#releaseHeld();
    this.#owner.outOfBudget();
    this.#roomTimer = setTimeout(() => this.#ws.terminate(), LINGER_MS);
  }
}
