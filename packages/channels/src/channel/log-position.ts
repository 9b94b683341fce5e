import { deferred, type Deferred } from "@parley/core/internal";
import { ChannelError } from "../errors.ts";

interface Waiter {
  readonly isDue: () => boolean;
  /** Whether the waiter keeps waiting while the inbox is full. */
  readonly isPatient: boolean;
  readonly due: Deferred<void>;
}

/** How far a channel's log is applied, relative to its end. The parts of a channel wait here for progress. */
export class LogPosition {
  #next: number;
  #isConnected: boolean;
  #isDisconnected = false;
  /** End of the log when the connection was opened; `undefined` until the relay reports it. */
  #target: number | undefined;
  #isStalled = false;
  #end: Error | undefined;
  readonly #waiters = new Set<Waiter>();

  readonly #channel: string;

  /** @param channel name of the channel, for error messages. */
  constructor(next: number, isConnected: boolean, channel = "the channel") {
    this.#channel = channel;
    this.#next = next;
    this.#isConnected = isConnected;
  }

  /** Sequence number of the next entry to apply. */
  get next(): number {
    return this.#next;
  }

  /** Whether the connection was lost or could not be opened. False before the first attempt. */
  get isDisconnected(): boolean {
    return this.#isDisconnected;
  }

  /** Whether all entries are applied that the relay had when the connection was opened. */
  get isCaughtUp(): boolean {
    return this.#isConnected && this.#target !== undefined && this.#next >= this.#target;
  }

  advance(next: number): void {
    this.#next = next;
    this.#check();
  }

  connectionUp(): void {
    this.#isConnected = true;
    this.#isDisconnected = false;
    this.#check();
  }

  connectionLost(): void {
    this.#isConnected = false;
    this.#isDisconnected = true;
    this.#target = undefined;
  }

  /** Sets the end of the log: the sequence number of the next entry at the relay. */
  setTarget(next: number): void {
    this.#target = next;
    this.#check();
  }

  /** Pauses or resumes the waiters: while the inbox is full, no entry is applied. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    this.#check();
  }

  /** Reading has ended: rejects all waiters, now and later. */
  end(error: Error): void {
    this.#end ??= error;
    this.#check();
  }

  /** The error passed to {@link LogPosition.end}. */
  get ended(): Error | undefined {
    return this.#end;
  }

  /**
   * Resolves when all entries are applied that the relay had when the connection was opened.
   *
   * @throws ChannelError `inbox_full`; the error that the channel ended with; the signal's reason
   */
  whenCaughtUp(signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.isCaughtUp && !this.#isStalled, signal);
  }

  /**
   * Resolves when messages can be encrypted and published: the relay is connected, and either the log is applied to its end or the inbox is
   * full.
   *
   * @throws the error that the channel ended with
   */
  whenSendable(): Promise<void> {
    return this.#when(() => this.isCaughtUp || (this.#isConnected && this.#isStalled), undefined, true);
  }

  /** Resolves when the relay is connected, even if the inbox is full. @throws the error that the channel ended with; the signal's reason */
  whenConnected(signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.#isConnected, signal, true);
  }

  /** Resolves when the entry with this sequence number is applied. @throws as {@link LogPosition.whenCaughtUp} */
  whenApplied(sequence: number, signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.#next > sequence, signal);
  }

  /** Never resolves. @throws the error that the channel ends with; ChannelError `inbox_full`; the signal's reason */
  whenEnded(signal?: AbortSignal): Promise<void> {
    return this.#when(() => false, signal);
  }

  async #when(isDue: () => boolean, signal: AbortSignal | undefined, isPatient = false): Promise<void> {
    signal?.throwIfAborted();
    const waiter: Waiter = { isDue, isPatient, due: deferred() };
    const abort = (): void => waiter.due.reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiters.add(waiter);
    this.#check();
    try {
      await waiter.due.promise;
    } finally {
      this.#waiters.delete(waiter);
      signal?.removeEventListener("abort", abort);
    }
  }

  #check(): void {
    for (const { isDue, isPatient, due } of this.#waiters) {
      if (this.#end !== undefined) due.reject(this.#end);
      else if (isDue()) due.resolve();
      else if (this.#isStalled && !isPatient) due.reject(inboxFull(this.#channel));
    }
  }
}

function inboxFull(channel: string): ChannelError {
  return new ChannelError(
    "inbox_full",
    `the inbox of ${channel} is full, so the channel is not read to its end: receive messages first, with the manager's receive or the channel's messages()`,
  );
}
