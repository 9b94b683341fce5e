import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { partyOf } from "@parley/envelope-and-adapters/internal";
import type { Action } from "../runtime/action.ts";
import type { Task, TaskQueue } from "../runtime/consumer.ts";
import { PendingCalls, type PendingCall } from "../runtime/pending-calls.ts";
import { MAX_PER_PARTY, MAX_UNSETTLED_BYTES, PerPartyQuota } from "../runtime/per-party-quota.ts";
import type { CallReference } from "./call-reference.ts";

/** Messages that can be overtaken. A port delivers at most 1024 unsettled envelopes; this leaves capacity for messages of other parties. */
const MAX_OVERTAKEN = { count: 768, bytes: MAX_UNSETTLED_BYTES };
const MAX_OVERTAKEN_PER_PARTY = { count: 256, bytes: MAX_PER_PARTY.bytes };

/** Options of a {@link ToolCallQueue}. */
export interface ToolCallQueueOptions {
  /** Requests in flight. */
  readonly maxPending: number;
  readonly timeoutMs: number;
  /** Resolves when requests can be sent, or when the bridge ends. */
  ready(): Promise<void>;
  handle(received: ReceivedEnvelope): Action;
  /** Handles a message that exceeds the capacity of the queue. */
  reject(received: ReceivedEnvelope): Action;
  /** Called for a request that was not answered in time. */
  onTimeout(reference: CallReference): void;
}

interface PendingRequest extends PendingCall {
  readonly reference: CallReference;
}

/**
 * Messages that wait to become tool calls, in order, and the requests in flight. A message waits while its party has the maximum number of
 * requests in flight; messages of other parties overtake it. Messages beyond {@link MAX_OVERTAKEN} are rejected, because the port would
 * otherwise stop delivering.
 */
export class ToolCallQueue implements TaskQueue {
  readonly #options: ToolCallQueueOptions;
  readonly #waiting: ReceivedEnvelope[] = [];
  readonly #pending: PendingCalls<PendingRequest>;
  #isStopped = false;
  #wake: () => void = () => {};

  constructor(options: ToolCallQueueOptions) {
    this.#options = options;
    this.#pending = new PendingCalls({
      timeoutMs: options.timeoutMs,
      total: { count: options.maxPending, bytes: MAX_UNSETTLED_BYTES },
      perParty: MAX_PER_PARTY,
      onTimeout: ({ reference }) => {
        this.#wake();
        options.onTimeout(reference);
      },
    });
  }

  push(received: ReceivedEnvelope): void {
    this.#waiting.push(received);
    this.#wake();
  }

  async next(): Promise<Task | undefined> {
    for (;;) {
      await this.#options.ready();
      if (this.#isStopped) return undefined;
      const task = this.#takeTask();
      if (task !== undefined) return task;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Records that a request was sent. It is in flight until {@link complete}, {@link clear} or its timeout. */
  start(reference: CallReference, party: string | undefined): void {
    this.#pending.add({ key: reference.key, party, bytes: 0, reference });
  }

  /** Called when a request was answered or could not be sent. */
  complete({ key }: CallReference): void {
    this.#pending.take(key);
    this.#wake();
  }

  /** Removes and returns all requests in flight. */
  clear(): readonly CallReference[] {
    this.#wake();
    return this.#pending.clear().map(({ reference }) => reference);
  }

  /** Called when the bridge ends. */
  stop(): void {
    this.#isStopped = true;
    this.clear();
  }

  #takeTask(): Task | undefined {
    const { handle, reject } = this.#options;
    const overtaken = new PerPartyQuota(MAX_OVERTAKEN, MAX_OVERTAKEN_PER_PARTY);
    for (const [index, received] of this.#waiting.entries()) {
      const party = partyOf(received);
      const isOvertaken = this.#pending.isPartyFull(party);
      const mustWait = isOvertaken ? overtaken.tryAcquire(party, received.envelope.payload.length) !== undefined : this.#pending.isFull;
      if (mustWait) continue;
      this.#waiting.splice(index, 1);
      return { received, run: isOvertaken ? reject : handle };
    }
    return undefined;
  }
}
