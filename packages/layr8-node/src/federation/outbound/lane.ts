import { TransientMap } from "@parley/core/internal";
import type { DeadCause } from "./outbound.ts";
import type { StoredEntry } from "./outbound-store.ts";

/** What is known of the attempts to deliver the first message of a lane. */
export interface Trial {
  readonly entry: StoredEntry;
  /** Attempts that failed. */
  failures: number;
  /** Why the last one failed, for people. */
  reason?: string;
  /** Whether the recipient's document is to be newer than the first look at it. */
  lookedAgain: boolean;
  /** A refusal that stands unless the recipient's document has changed since: it, and the document as JSON. */
  refusal?: { readonly cause: DeadCause; readonly document: string };
}

/** Messages of one sender for one recipient, in the order of their coming. The messages themselves are in the store. */
export class Lane {
  readonly recipient: string;
  /** Whether somebody sees to its messages. */
  running = false;
  /** Whether it waits after a failure that was its own. */
  pausing = false;
  /** The message that is being posted, which nobody else may take out. */
  posting: StoredEntry | undefined;
  readonly #entries = new TransientMap<number, StoredEntry>();
  #trial: Trial | undefined;

  constructor(recipient: string) {
    this.recipient = recipient;
  }

  get empty(): boolean {
    return this.#entries.size === 0;
  }

  add(entry: StoredEntry): void {
    this.#entries.set(entry.seq, entry);
  }

  /** @returns whether it was there. */
  delete(entry: StoredEntry): boolean {
    return this.#entries.delete(entry.seq);
  }

  /** The message whose turn it is, with what has been tried. */
  first(): Trial | undefined {
    for (const [, entry] of this.#entries) {
      if (this.#trial?.entry !== entry) this.#trial = { entry, failures: 0, lookedAgain: false };
      return this.#trial;
    }
    return undefined;
  }

  isFirst({ entry }: Trial): boolean {
    return this.first()?.entry === entry;
  }
}
