import { closeAll, TimeSlice } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import { StorageError } from "@parley/storage";
import { systemClock } from "../../clock.ts";
import { Deadlines } from "./deadlines.ts";
import { Delivery } from "./delivery.ts";
import { Disposal } from "./disposal.ts";
import { Lane, type Trial } from "./lane.ts";
import type { Enqueued, Outbound, OutboundDepth, OutboundEvents, OutboundMessage, OutboundOptions } from "./outbound.ts";
import { outboundLimits, type OutboundLimits } from "./outbound-limits.ts";
import type { StoredEntry } from "./outbound-store.ts";
import { expired, type Outcome } from "./outcome.ts";
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
  readonly #disposal: Disposal;
  readonly #quota: Quota;
  readonly #deadlines: Deadlines<StoredEntry>;
  readonly #lanes = new Map<string, Lane>();
  /** Wakes lanes that wait after a failure. */
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
    this.#disposal = new Disposal({ store, events: this.#options.events, onForgotten: (entry) => this.#quota.give(entry) });
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
      const lane = this.#admit(entry);
      durable.catch(() => {
        // Whoever else has taken it out sees to the rest.
        if (lane === undefined || this.#takeOut(lane, entry)) giveBack();
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
    const lanes = this.#lanes.size;
    return { messages, length, lanes, blocked: Math.min(lanes, this.#pausing + this.#delivery.blocked) };
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
      () => this.#disposal.close(),
      () => this.#options.store.close(),
    );
  }

  /** A message takes its place in its lane; `undefined` if that has to wait for the next start. */
  #admit(entry: StoredEntry): Lane | undefined {
    if (this.#closed) return undefined;
    const key = laneKey(entry);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(entry.recipient);
      this.#lanes.set(key, lane);
    }
    lane.add(entry);
    this.#deadlines.add(entry);
    if (lane.running) return lane;
    lane.running = true;
    const run = this.#run(key, lane);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
    return lane;
  }

  /** Sees to the messages of a lane, one after the other, until there are none. */
  async #run(key: string, lane: Lane): Promise<void> {
    for (let trial = lane.first(); trial !== undefined; trial = lane.first()) {
      if (this.#closed) return;
      // One at a time is what keeps their order.
      // oxlint-disable-next-line no-await-in-loop
      const outcome = await this.#delivery.attempt(lane, trial);
      // oxlint-disable-next-line no-await-in-loop
      await this.#conclude(lane, trial, outcome);
    }
    this.#lanes.delete(key);
  }

  async #conclude(lane: Lane, trial: Trial, outcome: Outcome): Promise<void> {
    const { entry } = trial;
    const { events } = this.#options;
    switch (outcome.kind) {
      case "delivered":
        // It may not have been stored meanwhile, and is gone already.
        if (this.#takeOut(lane, entry)) this.#disposal.forget(entry);
        events.onDelivered?.(outcome.message);
        return;
      case "dead":
        // The same; or it has expired, and been told of.
        if (this.#takeOut(lane, entry)) this.#disposal.bury(entry, outcome.cause);
        return;
      case "retry":
        if (this.#closed) return;
        events.onRetry?.({ sender: entry.sender, recipient: entry.recipient }, outcome.reason);
        await this.#pause(outcome.waitMs);
        return;
      case "again":
    }
  }

  /** @returns whether it was still there. */
  #takeOut(lane: Lane, entry: StoredEntry): boolean {
    this.#deadlines.delete(entry);
    return lane.delete(entry);
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
      const lane = this.#lanes.get(laneKey(entry));
      if (lane?.posting === entry) {
        this.#deadlines.add(entry);
        continue;
      }
      const trial = lane?.first();
      if (lane?.delete(entry) === true) this.#disposal.bury(entry, expired(trial?.entry === entry ? trial : {}));
    }
    this.#disposal.sweep();
    this.#delivery.sweep();
  }
}

function laneKey({ sender, recipient }: StoredEntry): string {
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
