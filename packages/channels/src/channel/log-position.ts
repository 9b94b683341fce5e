import { deferred, type Deferred } from "@parley/core/internal";
import { ChannelError } from "../errors.ts";

interface Waiter {
  readonly isDue: () => boolean;
  /** Whether a full inbox is no reason to give up. */
  readonly isPatient: boolean;
  readonly due: Deferred<void>;
}

/** How far a channel's log has been applied, and whether that is all there is. Others wait for it here. */
export class LogPosition {
  #next: number;
  #isConnected: boolean;
  #isDisconnected = false;
  /** What has to be applied after the last opening of the link; `undefined` until the relay has said it. */
  #target: number | undefined;
  #isStalled = false;
  #end: Error | undefined;
  readonly #waiters = new Set<Waiter>();

  readonly #channel: string;

  /** @param channel its name, for errors. */
  constructor(next: number, isConnected: boolean, channel = "the channel") {
    this.#channel = channel;
    this.#next = next;
    this.#isConnected = isConnected;
  }

  /** Sequence of the entry that is applied next. */
  get next(): number {
    return this.#next;
  }

  /** Whether the link is lost, or could not be opened. */
  get isDisconnected(): boolean {
    return this.#isDisconnected;
  }

  /** Whether everything is applied that the relay had when the link was opened. */
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

  /** The relay had entries up to here, exclusively. */
  setTarget(next: number): void {
    this.#target = next;
    this.#check();
  }

  /** The inbox is full, so that nothing is applied until messages are taken; or no more. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    this.#check();
  }

  /** Nothing will be applied any more. */
  end(error: Error): void {
    this.#end ??= error;
    this.#check();
  }

  /** What {@link LogPosition.end} was told. */
  get ended(): Error | undefined {
    return this.#end;
  }

  /**
   * Resolves when everything is applied that there was when the link was opened.
   *
   * @throws ChannelError `inbox_full`; what the position ended with; the signal's reason
   */
  whenCaughtUp(signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.isCaughtUp && !this.#isStalled, signal);
  }

  /**
   * Resolves when messages can be encrypted and published: everything is applied that there was when the link was opened, or the inbox is
   * full and there is a link.
   *
   * @throws what the position ended with
   */
  whenSendable(): Promise<void> {
    return this.#when(() => this.isCaughtUp || (this.#isConnected && this.#isStalled), undefined, true);
  }

  /** Resolves when there is a link to the relay, also while the inbox is full. @throws what the position ended with; the signal's reason */
  whenConnected(signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.#isConnected, signal, true);
  }

  /** Resolves when the entry with this sequence is applied. @throws as {@link LogPosition.whenCaughtUp} */
  whenApplied(sequence: number, signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.#next > sequence, signal);
  }

  /** Never resolves: @throws what the position ends with; ChannelError `inbox_full`; the signal's reason */
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
    `too many messages of ${channel} wait to be taken, so that it is not read on; take them first, with the manager's receive or the channel's messages()`,
  );
}
