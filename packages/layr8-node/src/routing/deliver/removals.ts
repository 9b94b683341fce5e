import { ChurnMap } from "@parley/core/internal";
import type { Clock } from "../../clock.ts";
import type { Box, InboxMessage } from "../../inbox/inbox.ts";

/** What {@link Removals} removes from. Implemented by the mailbox itself: an idle agent has no object for it. */
export interface RemovalsOwner {
  /** Its box. @throws StorageError `storage_failed` */
  open(): Promise<Box>;
}

/** Events of {@link Removals}. */
export interface RemovalEvents {
  /** An agent has handled a message that asks for receipts. It is removed when the promise, which does not reject, resolves. */
  readonly onHandled?: ((message: InboxMessage) => Promise<void>) | undefined;
  /** A message that an agent has acknowledged was removed, `ms` milliseconds after that; with the error, if the removal failed. */
  readonly onRemoved?: ((message: InboxMessage, ms: number, error: unknown) => void) | undefined;
  /** The inbox failed. Messages not acknowledged durably will be redelivered. */
  readonly onFailure: (error: unknown) => void;
}

/** The messages that are being removed from one box, and may still be in it. Those of one turn of the event loop are removed together. */
export class Removals {
  readonly #owner: RemovalsOwner;
  readonly #clock: Clock;
  readonly #events: RemovalEvents;
  /** By seq. */
  readonly #pending = new ChurnMap<number, true>();
  /** Seqs for the next write, if one is scheduled. */
  #queue: number[] | undefined;
  /** Messages among them that agents have acknowledged, if someone listens to that. */
  #acknowledged: { readonly message: InboxMessage; readonly at: number }[] | undefined;

  constructor(owner: RemovalsOwner, clock: Clock, events: RemovalEvents) {
    this.#owner = owner;
    this.#clock = clock;
    this.#events = events;
  }

  get size(): number {
    return this.#pending.size;
  }

  has(seq: number): boolean {
    return this.#pending.has(seq);
  }

  /** Removes a message, with the others of this turn of the event loop. */
  add(seq: number): void {
    this.#pending.set(seq, true);
    if (this.#queue !== undefined) return void this.#queue.push(seq);
    this.#queue = [seq];
    setImmediate(() => void this.#flush());
  }

  /** Removes a message that an agent has acknowledged. */
  addAcknowledged(message: InboxMessage): void {
    if (this.#events.onRemoved !== undefined) (this.#acknowledged ??= []).push({ message, at: this.#clock.monotonic() });
    this.add(message.seq);
  }

  /**
   * Removes a message that an agent has handled, once its receipt is durable. After a crash before the removal, the message is delivered
   * again, and its agent acknowledges it again.
   */
  async addConfirmed(message: InboxMessage): Promise<void> {
    this.#pending.set(message.seq, true);
    await this.#events.onHandled?.(message);
    this.addAcknowledged(message);
  }

  /** Removes a message at once. Resolves when the removal is durable. @throws StorageError `storage_failed` */
  async removeNow(seq: number): Promise<void> {
    this.#pending.set(seq, true);
    try {
      await (await this.#owner.open()).settle([seq]);
    } finally {
      this.#pending.delete(seq);
    }
  }

  async #flush(): Promise<void> {
    const [seqs = [], acknowledged] = [this.#queue, this.#acknowledged];
    this.#queue = undefined;
    this.#acknowledged = undefined;
    let failure: unknown;
    await this.#owner
      .open()
      .then((box) => box.settle(seqs))
      .catch((error: unknown) => {
        failure = error;
        this.#events.onFailure(error);
      });
    for (const seq of seqs) this.#pending.delete(seq);
    const now = acknowledged === undefined ? 0 : this.#clock.monotonic();
    for (const { message, at } of acknowledged ?? []) this.#events.onRemoved?.(message, now - at, failure);
  }
}
