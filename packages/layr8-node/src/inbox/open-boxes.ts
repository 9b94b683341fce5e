import type { Box, BoxListener, Depth, InboxMessage, ReadOptions } from "./inbox.ts";

/** What an inbox in one process does for its boxes. See {@link Box}. */
export interface BoxOperations {
  read(recipient: string, options: ReadOptions): Promise<readonly InboxMessage[]>;
  settle(recipient: string, seqs: readonly number[]): Promise<void>;
  recordAttempts(recipient: string, seq: number, attempts: number): Promise<void>;
  depth(recipient: string): Depth;
  drop(recipient: string): Promise<void>;
}

/** The open boxes of an inbox in one process, and their listeners. */
export class OpenBoxes {
  readonly #operations: BoxOperations;
  readonly #open = new Map<string, LocalBox>();

  constructor(operations: BoxOperations) {
    this.#operations = operations;
  }

  open(recipient: string, listener: BoxListener): Box {
    const former = this.listenerOf(recipient);
    const box = new LocalBox(recipient, this.#operations, listener, this);
    this.#open.set(recipient, box);
    former?.onLost();
    return box;
  }

  listenerOf(recipient: string): BoxListener | undefined {
    return this.#open.get(recipient)?.listener;
  }

  /** A box for work on its messages. Opens nothing. */
  unopened(recipient: string): Box {
    return new LocalBox(recipient, this.#operations, undefined, this);
  }

  /** Called by a box that is closed. */
  closed(box: LocalBox): void {
    if (this.#open.get(box.recipient) === box) this.#open.delete(box.recipient);
  }
}

class LocalBox implements Box {
  readonly recipient: string;
  readonly listener: BoxListener | undefined;
  readonly #operations: BoxOperations;
  readonly #boxes: OpenBoxes;

  constructor(recipient: string, operations: BoxOperations, listener: BoxListener | undefined, boxes: OpenBoxes) {
    this.recipient = recipient;
    this.listener = listener;
    this.#operations = operations;
    this.#boxes = boxes;
  }

  read(options: ReadOptions): Promise<readonly InboxMessage[]> {
    return this.#operations.read(this.recipient, options);
  }

  settle(seqs: readonly number[]): Promise<void> {
    return this.#operations.settle(this.recipient, seqs);
  }

  recordAttempts(seq: number, attempts: number): Promise<void> {
    return this.#operations.recordAttempts(this.recipient, seq, attempts);
  }

  depth(): Depth {
    return this.#operations.depth(this.recipient);
  }

  drop(): Promise<void> {
    return this.#operations.drop(this.recipient);
  }

  close(): Promise<void> {
    this.#boxes.closed(this);
    return Promise.resolve();
  }
}
