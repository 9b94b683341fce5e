import { ChurnMap } from "@parley/core/internal";
import type { Inbox } from "../../inbox/inbox.ts";

/** Removes messages from one DID's inbox, batched by turn of the event loop. */
export class Removals {
  readonly #did: string;
  readonly #inbox: Inbox;
  readonly #onFailure: (error: unknown) => void;
  /** Seqs of messages that may still be in the inbox. */
  readonly #pending = new ChurnMap<number, true>();
  #batch: number[] = [];

  /** @param onFailure called when messages could not be removed. They will be redelivered. */
  constructor(did: string, inbox: Inbox, onFailure: (error: unknown) => void) {
    this.#did = did;
    this.#inbox = inbox;
    this.#onFailure = onFailure;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Whether a message is being removed. */
  has(seq: number): boolean {
    return this.#pending.has(seq);
  }

  add(seq: number): void {
    this.#pending.set(seq, true);
    if (this.#batch.push(seq) > 1) return;
    setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const seqs = this.#batch;
    this.#batch = [];
    try {
      await this.#inbox.settle(this.#did, seqs);
    } catch (error) {
      this.#onFailure(error);
    }
    for (const seq of seqs) this.#pending.delete(seq);
  }
}
