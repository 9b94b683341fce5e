import { NodeTransportError } from "@parley/core";
import { ChurnMap } from "@parley/core/internal";
import type { Reply } from "./frame.ts";

/** Receives the node's answer to a push. Exactly one of the two methods is called, once. */
export interface ReplyWaiter {
  /** The owner of the push. All pushes of one owner can be failed together. */
  readonly owner: object;
  onReply(reply: Reply): void;
  onFailure(error: NodeTransportError): void;
}

interface Entry {
  readonly waiter: ReplyWaiter;
  readonly deadline: number;
  readonly timeoutMs: number;
}

/** The shortest interval between sweeps, for when many pushes time out one after the other. */
const MIN_SWEEP_MS = 10;

/**
 * The pushes that the node has not answered, by ref. One timer serves all deadlines, because a timer per message is expensive.
 * The timer doesn't keep the process running: the socket does.
 */
export class PendingReplies {
  readonly #entries = new ChurnMap<string, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #sweepAt = Infinity;

  get size(): number {
    return this.#entries.size;
  }

  add(ref: string, waiter: ReplyWaiter, timeoutMs: number): void {
    const deadline = performance.now() + timeoutMs;
    this.#entries.set(ref, { waiter, deadline, timeoutMs });
    if (deadline < this.#sweepAt) this.#sweepBy(deadline);
  }

  /** Passes a reply to its waiter. Returns whether there is one. */
  settle(ref: string, reply: Reply): boolean {
    const entry = this.#entries.get(ref);
    if (entry === undefined) return false;
    this.#entries.delete(ref);
    entry.waiter.onReply(reply);
    return true;
  }

  /** Removes a waiter: its reply will be ignored. */
  forget(ref: string): void {
    this.#entries.delete(ref);
  }

  /** Fails all pushes of `owner`; without an owner, all pushes. */
  fail(error: NodeTransportError, owner?: object): void {
    // Collected first: a waiter may push again when it fails.
    const failed = [...this.#entries].filter(([, { waiter }]) => owner === undefined || waiter.owner === owner);
    for (const [ref] of failed) this.#entries.delete(ref);
    if (this.#entries.size === 0) this.#stop();
    for (const [, { waiter }] of failed) waiter.onFailure(error);
  }

  #sweepBy(deadline: number): void {
    clearTimeout(this.#timer);
    this.#sweepAt = deadline;
    this.#timer = setTimeout(() => this.#sweep(), Math.max(MIN_SWEEP_MS, Math.ceil(deadline - performance.now())));
    this.#timer.unref();
  }

  #sweep(): void {
    const now = performance.now();
    const late: Entry[] = [];
    let next = Infinity;
    for (const [ref, entry] of this.#entries) {
      if (entry.deadline <= now) {
        this.#entries.delete(ref);
        late.push(entry);
      } else if (entry.deadline < next) {
        next = entry.deadline;
      }
    }
    this.#stop();
    if (next < Infinity) this.#sweepBy(next);
    for (const { waiter, timeoutMs } of late) {
      waiter.onFailure(new NodeTransportError("push_timeout", `The node did not answer within ${timeoutMs} ms`));
    }
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#sweepAt = Infinity;
  }
}
