import { closeAll, TimeSlice } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import { isRecordDamaged, StorageError } from "@parley/storage";
import { systemClock } from "../../clock.ts";
import { Deadlines } from "../../deadlines.ts";
import { RemoteSender } from "./remote-sender.ts";
import { DeadLetterQueue } from "./dead-letter-queue.ts";
import { PairQueue, type HeadState } from "./pair-queue.ts";
import type {
  DescribedOutbound,
  Enqueued,
  Outbound,
  OutboundDepth,
  OutboundEvents,
  OutboundOptions,
  OutboundPage,
  OutboundSelection,
  PurgedOutbound,
  WaitingOutbound,
} from "./outbound.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import { outboundLimits, type OutboundLimits } from "./outbound-limits.ts";
import type { StoredEntry } from "./outbound-store.ts";
import { expired, PURGED, type AttemptResult } from "./attempt-result.ts";
import { Quota } from "./quota.ts";

const SWEEP_MS = 1000;

/** Opens the queue on a store. Delivery of the messages in the store starts at once. */
export function openOutbound(options: OutboundOptions): Outbound {
  return new OutboundQueue(options);
}

class OutboundQueue implements Outbound {
  readonly #options: OutboundOptions;
  readonly #limits: OutboundLimits;
  readonly #now: () => number;
  readonly #remoteSender: RemoteSender;
  readonly #deadLetters: DeadLetterQueue;
  readonly #quota: Quota;
  readonly #deadlines: Deadlines<StoredEntry>;
  readonly #pairs = new Map<string, PairQueue>();
  /** Resolves the pauses of queues that wait after a failure. */
  readonly #pauses = new Map<NodeJS.Timeout, () => void>();
  readonly #running = new Set<Promise<void>>();
  readonly #sweeper: NodeJS.Timeout;
  /** Number of queues that wait after a failure. */
  #pausing = 0;
  #isSweeping = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: OutboundOptions) {
    const { store, events, clock = systemClock() } = options;
    this.#options = { ...options, clock, events: quiet(events) };
    this.#limits = outboundLimits(options.limits);
    this.#now = () => clock.expiry();
    this.#remoteSender = new RemoteSender(this.#options, this.#limits);
    this.#quota = new Quota(this.#limits, options.ownerOf);
    this.#deadlines = new Deadlines(this.#now());
    this.#deadLetters = new DeadLetterQueue({ store, events: this.#options.events, onRemoved: (entry) => this.#quota.give(entry) });
    for (const entry of store.entries()) this.#takeOver(entry);
    store.onTakenOver?.((entry) => this.#takeOver(entry));
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
    // Reserved before the first await, so that concurrent calls don't reserve the same quota.
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
      if (this.#options.headOf !== undefined) {
        durable.then(() => this.#admit(entry), giveBack);
        return { status: "stored", durable };
      }
      // Delivery may start before the message is durable, because the sender has no confirmation yet. If it sends the message again after a
      // crash or a failed write, the id is the same and the remote node recognizes it.
      const pair = this.#admit(entry);
      durable.catch(() => {
        // Otherwise another code path has removed the message and releases its quota.
        if (pair === undefined || this.#takeOut(pair, entry)) giveBack();
      });
      return { status: "stored", durable };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  hint(did: string, resolver: DidResolver): void {
    this.#remoteSender.hint(did, resolver).catch(() => undefined);
  }

  waiting(sender: string): number {
    return this.#quota.waiting(sender);
  }

  depth(): OutboundDepth {
    const { messages, length } = this.#quota.total;
    const pairs = this.#pairs.size;
    return { messages, length, pairs, blocked: Math.min(pairs, this.#pausing + this.#remoteSender.blocked) };
  }

  describe(maxPairs: number): DescribedOutbound {
    const pairs: DescribedOutbound["pairs"][number][] = [];
    for (const pair of this.#pairs.values()) {
      const attempt = pair.first();
      if (attempt === undefined) continue;
      const { entry, failures, reason } = attempt;
      pairs.push({ sender: entry.sender, recipient: entry.recipient, waiting: pair.size, failures, reason });
      if (pairs.length === maxPairs) break;
    }
    return { hosts: this.#remoteSender.hosts(), pairs };
  }

  list(selection: OutboundSelection, { limit, maxLength }: OutboundPage): readonly WaitingOutbound[] {
    const { posting = [] } = this.#pairs.get(pairKey(selection)) ?? {};
    const messages: WaitingOutbound[] = [];
    let total = 0;
    for (const entry of this.#selected(selection).slice(0, limit)) {
      const { sender, recipient, seq, length, expiresAt } = entry;
      total += length;
      if (messages.length > 0 && total > maxLength) break;
      const { id, type } = this.#identify(entry);
      messages.push({ sender, recipient, seq, id, type, length, expiresAt, isBeingSent: posting.includes(entry) });
    }
    return messages;
  }

  purge(selection: OutboundSelection): PurgedOutbound {
    const pair = this.#pairs.get(pairKey(selection));
    let [purged, beingSent] = [0, 0];
    for (const entry of this.#selected(selection)) {
      if (pair?.posting.includes(entry) === true) {
        beingSent += 1;
      } else if (pair !== undefined && this.#takeOut(pair, entry)) {
        this.#deadLetters.add(entry, PURGED);
        purged += 1;
      }
    }
    return { purged, beingSent };
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
    this.#remoteSender.stop();
    const patience = setTimeout(() => void this.#remoteSender.close(), this.#limits.closeMs);
    const idle = async (): Promise<void> => {
      while (this.#running.size > 0) await Promise.all(this.#running);
    };
    await closeAll(
      idle,
      () => clearTimeout(patience),
      () => this.#remoteSender.close(),
      () => this.#deadLetters.close(),
      () => this.#options.store.close(),
    );
  }

  #selected(selection: OutboundSelection): readonly StoredEntry[] {
    const pair = this.#pairs.get(pairKey(selection));
    if (pair === undefined || this.#closed) return [];
    if (selection.seq === undefined) return [...pair.entries()];
    const entry = pair.get(selection.seq);
    return entry === undefined ? [] : [entry];
  }

  /** Nothing of a message whose record is damaged. */
  #identify(entry: StoredEntry): Partial<Pick<OutboundMessage, "id" | "type">> {
    try {
      return this.#options.store.read(entry);
    } catch (error) {
      if (isRecordDamaged(error)) return {};
      throw error;
    }
  }

  /** A message that was accepted before this start, or by another node. */
  #takeOver(entry: StoredEntry): void {
    this.#quota.take(entry);
    this.#admit(entry);
  }

  /** Adds a message to the queue of its pair. Returns `undefined` when closed: the message is delivered after the next start. */
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

  /** Delivers the messages of a queue one after the other, until it is empty. */
  async #run(key: string, pair: PairQueue): Promise<void> {
    for (let attempt = pair.first(); attempt !== undefined; attempt = pair.first()) {
      if (this.#closed) return;
      // Sequential delivery preserves the order.
      const result = await this.#remoteSender.attempt(pair, attempt);
      // oxlint-disable-next-line no-await-in-loop
      await this.#conclude(pair, attempt, result);
    }
    this.#pairs.delete(key);
  }

  async #conclude(pair: PairQueue, attempt: HeadState, result: AttemptResult): Promise<void> {
    const { entry } = attempt;
    const { events } = this.#options;
    switch (result.kind) {
      case "delivered":
        for (const { entry, message } of result.delivered) {
          // If its append has failed, it is removed already.
          if (this.#takeOut(pair, entry)) this.#deadLetters.remove(entry);
          events.onDelivered?.(message, performance.now() - entry.queuedAt, result.isMediated);
        }
        if (result.head !== undefined) events.onHead?.(entry, result.head);
        return;
      case "dead":
        // As above; or it has expired and was reported.
        if (this.#takeOut(pair, entry)) this.#deadLetters.add(entry, result.cause);
        return;
      case "retry":
        if (this.#closed) return;
        events.onRetry?.({ sender: entry.sender, recipient: entry.recipient }, result.reason);
        // A wait of 0 does not mean a retry at once: then the timer in the circuit breaker's `dispatch` delays the next lease.
        await this.#pause(result.waitMs);
        return;
      case "again":
    }
  }

  /** @returns whether it was still queued. */
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

  /** Dead-letters expired messages, in time slices, since many may expire in the same second. */
  async #sweep(): Promise<void> {
    const slice = new TimeSlice();
    for (const entry of this.#deadlines.due(this.#now())) {
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
      if (this.#closed) return;
      const pair = this.#pairs.get(pairKey(entry));
      if (pair?.posting.includes(entry) === true) {
        this.#deadlines.add(entry);
        continue;
      }
      const attempt = pair?.first();
      if (pair?.delete(entry) === true) this.#deadLetters.add(entry, expired(attempt?.entry === entry ? attempt : {}));
    }
    this.#deadLetters.sweep();
    this.#remoteSender.sweep();
  }
}

function pairKey({ sender, recipient }: Pick<StoredEntry, "sender" | "recipient">): string {
  return `${sender} ${recipient}`;
}

/** Catches exceptions of listeners, so that a faulty listener doesn't stop delivery. */
function quiet(events: OutboundEvents): OutboundEvents {
  const onFailure = (error: unknown): void => {
    try {
      events.onFailure(error);
    } catch {
      // No further way to report it.
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
    onDelivered: (message, ageMs, isMediated) => guarded(() => events.onDelivered?.(message, ageMs, isMediated)),
    ...(events.onHead && { onHead: (message, head) => guarded(() => events.onHead?.(message, head)) }),
    ...(events.onPosted && { onPosted: (posted) => guarded(() => events.onPosted?.(posted)) }),
    onRetry: (about, reason) => guarded(() => events.onRetry?.(about, reason)),
  };
}
