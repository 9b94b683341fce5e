import { type Deferred, deferred, runWithin } from "@parley/core/internal";
import type { ServerLinks } from "@parley/jetstream";
import type { BindingRank } from "../routing/deliver/binding-rank.ts";
import type { BoundMailbox, ReportedFailure, Settlement } from "../routing/deliver/bound-mailbox.ts";
import type { Consumer } from "../routing/deliver/consumer.ts";
import type { Mailbox } from "../routing/deliver/mailbox.ts";

/** Where a connection is bound: to a mailbox of this node, or to one of another server. */
export type BindingPlace = { readonly mailbox: Mailbox } | { readonly server: string };

/** Threads that a connection carries to the next node of its mailbox, and characters of each. */
const MAX_THREADS = 64;
const MAX_THREAD_LENGTH = 256;
/** Longest wait of a message for the node that must know its thread, in milliseconds. Without it, a response may reach another connection. */
const RECORD_WITHIN_MS = 5000;

/** One connection of this node, bound to its DID's mailbox, which may move from node to node. */
export class SharedBinding implements BoundMailbox {
  /** Names the connection in messages to other nodes. */
  readonly id: number;
  readonly did: string;
  readonly consumer: Consumer;
  readonly protocols: readonly string[];
  /** Given by the node of the mailbox. */
  rank: BindingRank | undefined;
  isEnded = false;
  /** Whether a place is being looked for. */
  isMoving = false;
  #place: BindingPlace | undefined;
  #placed: Deferred<void> = deferred();
  /** Whether the mailbox's node knows that the connection has no capacity. */
  #isFull = false;
  #threads: string[] = [];
  #recording: Promise<void> | undefined;
  readonly #links: ServerLinks;
  readonly #onUnbound: (binding: SharedBinding) => void;

  constructor(
    about: Pick<SharedBinding, "id" | "did" | "consumer" | "protocols">,
    links: ServerLinks,
    onUnbound: (binding: SharedBinding) => void,
  ) {
    this.id = about.id;
    this.did = about.did;
    this.consumer = about.consumer;
    this.protocols = about.protocols;
    this.#links = links;
    this.#onUnbound = onUnbound;
  }

  /** The server of its mailbox; `undefined` if that is here, or not known. */
  get server(): string | undefined {
    return this.#place !== undefined && "server" in this.#place ? this.#place.server : undefined;
  }

  get isPlaced(): boolean {
    return this.#place !== undefined;
  }

  /** The latest threads on which it has sent. */
  get threads(): readonly string[] {
    return this.#threads;
  }

  place(place: BindingPlace): void {
    this.#place = place;
    this.#isFull = !this.consumer.writable;
    this.#placed.resolve();
  }

  /** Its mailbox has moved. Deliveries until it is placed again are lost, and repeated. */
  displace(): void {
    if (this.#place === undefined) return;
    this.#place = undefined;
    this.#placed = deferred();
  }

  resume(consumer: Consumer): void {
    const place = this.#place;
    if (place === undefined) return;
    this.#isFull = false;
    if ("mailbox" in place) place.mailbox.resume(consumer);
    else this.#links.send(place.server, { t: "resume", c: this.id });
  }

  settle(consumer: Consumer, id: string | undefined, settlement: Settlement, failure: ReportedFailure = {}): void {
    const place = this.#place;
    if (place === undefined) return;
    if ("mailbox" in place) place.mailbox.settle(consumer, id, settlement, failure);
    else this.#links.send(place.server, { t: "settle", c: this.id, id: id ?? null, settlement, failure: { ...failure } });
  }

  redeliver(consumer: Consumer): void {
    const place = this.#place;
    if (place === undefined) return;
    if ("mailbox" in place) place.mailbox.redeliver(consumer);
    else this.#links.send(place.server, { t: "redeliver", c: this.id });
  }

  unbind(consumer: Consumer, closeCode?: number): void {
    if (this.isEnded) return;
    this.isEnded = true;
    const place = this.#place;
    if (place !== undefined && "mailbox" in place) place.mailbox.unbind(consumer, closeCode);
    else if (place !== undefined) this.#links.send(place.server, { t: "unbind", c: this.id, closeCode: closeCode ?? null });
    this.#placed.resolve();
    this.#onUnbound(this);
  }

  /** Whether the node of its mailbox must be told that the connection has no capacity: once, until it has again. */
  becomesFull(): boolean {
    if (this.#isFull || this.consumer.writable) return false;
    this.#isFull = true;
    return true;
  }

  /** Records that the connection sends a message on threads. The message must wait for the promise, if there is one. */
  recordThreads(threads: readonly string[]): Promise<void> | undefined {
    const place = this.#place;
    this.#threads = [...this.#threads, ...threads.filter(({ length }) => length <= MAX_THREAD_LENGTH)].slice(-MAX_THREADS);
    if (this.#recording === undefined && place !== undefined && "mailbox" in place) {
      for (const thread of threads) place.mailbox.recordThread(thread, this.consumer);
      return undefined;
    }
    // One after the other, so that messages keep their order.
    const recording = (this.#recording ?? Promise.resolve()).then(() => this.#record(threads));
    this.#recording = recording;
    const end = (): void => {
      if (this.#recording === recording) this.#recording = undefined;
    };
    void recording.then(end);
    return recording;
  }

  /** Never rejects. */
  async #record(threads: readonly string[]): Promise<void> {
    const bounds = { timeoutMs: RECORD_WITHIN_MS, onTimeout: () => new Error("late") };
    const place = this.#place;
    // The threads go with the connection to its next place.
    if (place === undefined) return runWithin(bounds, () => this.#placed.promise).catch(() => undefined);
    if ("mailbox" in place) return threads.forEach((thread) => place.mailbox.recordThread(thread, this.consumer));
    await this.#links.call(place.server, { t: "threads", c: this.id, threads }, RECORD_WITHIN_MS).catch(async () => {
      if (this.#place !== place) await runWithin(bounds, () => this.#placed.promise).catch(() => undefined);
    });
  }
}
