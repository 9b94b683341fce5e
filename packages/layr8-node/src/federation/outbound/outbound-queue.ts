import { closeAll, TimeSlice } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import { StorageError } from "@parley/storage";
import { systemClock } from "../../clock.ts";
import { Deadlines } from "./deadlines.ts";
import { Delivery } from "./delivery.ts";
import { DeadLetterQueue } from "./dead-letter-queue.ts";
import { PairQueue, type DeliveryAttempt } from "./pair-queue.ts";
import type { Enqueued, Outbound, OutboundDepth, OutboundEvents, OutboundMessage, OutboundOptions } from "./outbound.ts";
import { outboundLimits, type OutboundLimits } from "./outbound-limits.ts";
import type { StoredEntry } from "./outbound-store.ts";
import { expired, type AttemptResult } from "./attempt-result.ts";
import { Quota } from "./quota.ts";

const SWEEP_MS = 1000;

/** Opens the queue of messages to other nodes on a store. What waits there since before goes on at once. */
export function openOutbound(options: OutboundOptions): Outbound {
  return new OutboundQueue(options);
}

class OutboundQueue implements Outbound {
  readonly #options: OutboundOptions;
  readonly #limits: OutboundLimits;
  readonly #now: () => number;
  readonly #delivery: Delivery;
  readonly #deadLetters: DeadLetterQueue;
  readonly #quota: Quota;
  readonly #deadlines: Deadlines<StoredEntry>;
  readonly #pairs = new Map<string, PairQueue>();
  /** Wakes pairs that wait after a failure. */
  readonly #pauses = new Map<NodeJS.Timeout, () => void>();
  readonly #running = new Set<Promise<void>>();
  readonly #sweeper: NodeJS.Timeout;
  /** Lanes that wait after a failure. */
  #pausing = 0;
  #isSweeping = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: OutboundOptions) {
    const { store, events, clock = systemClock() } = options;
    this.#options = { ...options, clock, events: quiet(events) };
    this.#limits = outboundLimits(options.limits);
    this.#now = () => clock.expiry();
    this.#delivery = new Delivery(this.#options, this.#limits);
    this.#quota = new Quota(this.#limits, options.ownerOf);
    this.#deadlines = new Deadlines(this.#now());
    this.#deadLetters = new DeadLetterQueue({ store, events: this.#options.events, onRemoved: (entry) => this.#quota.give(entry) });
    for (const entry of store.entries()) {
      this.#quota.take(entry);
      this.#admit(entry);
    }
    this.#sweeper = setInterval(() => {
      if (this.#isSweeping) return;
      this.#isSweeping = true;
      this.#sweep()
        .catch((error: unknown) => this.#options.events.onFailure(error))
        .finally(() => (this.#isSweeping = false));
    }, SWEEP_MS);
  }

  async enqueue(message: OutboundMessage, share = 1): Promise<Enqueued> {
    if (this.#closed) throw new StorageError("storage_failed", "The queue of messages to other nodes is closed");
    const counted = { sender: message.sender, recipient: message.recipient, length: message.plaintext.length };
    const hasRoom = this.#quota.hasRoom(counted, share);
    // Taken before anything is awaited, lest those who come meanwhile take the same room.
    if (hasRoom) this.#quota.take(counted);
    const giveBack = (): void => {
      if (hasRoom) this.#quota.give(counted);
    };
    try {
      const appended = await this.#options.store.append(message, hasRoom);
      if (appended.status !== "stored") {
        giveBack();
        return appended;
      }
      const { entry, durable } = appended;
      // It may be on its way while it is being written. Nobody has been told yet that it is safe, and whoever sends it again, because of a
      // crash or a failed write, does so with the same id, which the other node knows.
      const pair = this.#admit(entry);
      durable.catch(() => {
        // Whoever else has taken it out sees to the rest.
        if (pair === undefined || this.#takeOut(pair, entry)) giveBack();
      });
      return { status: "stored", durable };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  hint(did: string, resolver: DidResolver): void {
    this.#delivery.hint(did, resolver).catch(() => undefined);
  }

  waiting(sender: string): number {
    return this.#quota.waiting(sender);
  }

  depth(): OutboundDepth {
    const { messages, length } = this.#quota.total;
    const pairs = this.#pairs.size;
    return { messages, length, pairs, blocked: Math.min(pairs, this.#pausing + this.#delivery.blocked) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const [timer, wake] of this.#pauses) {
      clearTimeout(timer);
      wake();
    }
    this.#delivery.stop();
    const patience = setTimeout(() => void this.#delivery.close(), this.#limits.closeMs);
    const idle = async (): Promise<void> => {
      while (this.#running.size > 0) await Promise.all(this.#running);
    };
    await closeAll(
      idle,
      () => clearTimeout(patience),
      () => this.#delivery.close(),
      () => this.#deadLetters.close(),
      () => this.#options.store.close(),
    );
  }

  /** A message takes its place in its pair; `undefined` if that has to wait for the next start. */
  #admit(entry: StoredEntry): PairQueue | undefined {
    if (this.#closed) return undefined;
    const key = pairKey(entry);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = new PairQueue(entry.recipient);
      this.#pairs.set(key, pair);
    }
    pair.add(entry);
    this.#deadlines.add(entry);
    if (pair.running) return pair;
    pair.running = true;
    const run = this.#run(key, pair);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
    return pair;
  }

  /** Sees to the messages of a pair, one after the other, until there are none. */
  async #run(key: string, pair: PairQueue): Promise<void> {
    for (let attempt = pair.first(); attempt !== undefined; attempt = pair.first()) {
      if (this.#closed) return;
      // One at a time is what keeps their order.
      // oxlint-disable-next-line no-await-in-loop
      const result = await this.#delivery.attempt(pair, attempt);
      // oxlint-disable-next-line no-await-in-loop
      await this.#conclude(pair, attempt, result);
    }
    this.#pairs.delete(key);
  }

  async #conclude(pair: PairQueue, attempt: DeliveryAttempt, result: AttemptResult): Promise<void> {
    const { entry } = attempt;
    const { events } = this.#options;
    switch (result.kind) {
      case "delivered":
        // It may not have been stored meanwhile, and is gone already.
        if (this.#takeOut(pair, entry)) this.#deadLetters.remove(entry);
        events.onDelivered?.(result.message);
        return;
      case "dead":
        // The same; or it has expired, and been told of.
        if (this.#takeOut(pair, entry)) this.#deadLetters.add(entry, result.cause);
        return;
      case "retry":
        if (this.#closed) return;
        events.onRetry?.({ sender: entry.sender, recipient: entry.recipient }, result.reason);
        await this.#pause(result.waitMs);
        return;
      case "again":
    }
  }

  /** @returns whether it was still there. */
  #takeOut(pair: PairQueue, entry: StoredEntry): boolean {
    this.#deadlines.delete(entry);
    return pair.delete(entry);
  }

  async #pause(waitMs: number): Promise<void> {
    if (waitMs <= 0) return;
    this.#pausing += 1;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#pauses.delete(timer);
        resolve();
      }, waitMs);
      this.#pauses.set(timer, resolve);
    });
    this.#pausing -= 1;
  }

  /** Buries what has expired, in slices: the messages of many senders may expire in the same second. */
  async #sweep(): Promise<void> {
    const slice = new TimeSlice();
    for (const entry of this.#deadlines.due(this.#now())) {
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
      if (this.#closed) return;
      const pair = this.#pairs.get(pairKey(entry));
      if (pair?.posting === entry) {
        this.#deadlines.add(entry);
        continue;
      }
      const attempt = pair?.first();
      if (pair?.delete(entry) === true) this.#deadLetters.add(entry, expired(attempt?.entry === entry ? attempt : {}));
    }
    this.#deadLetters.sweep();
    this.#delivery.sweep();
  }
}

function pairKey({ sender, recipient }: StoredEntry): string {
  return `${sender} ${recipient}`;
}

/** Events whose exceptions go no further: what a listener does wrong must not hold up messages. */
function quiet(events: OutboundEvents): OutboundEvents {
  const onFailure = (error: unknown): void => {
    try {
      events.onFailure(error);
    } catch {
      // There is nobody else to tell.
    }
  };
  const guarded = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      onFailure(error);
    }
  };
  return {
    onFailure,
    onDead: async (message, cause) => events.onDead(message, cause),
    onDelivered: (message) => guarded(() => events.onDelivered?.(message)),
    onRetry: (about, reason) => guarded(() => events.onRetry?.(about, reason)),
  };
}
