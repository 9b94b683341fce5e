import type { Deferred } from "@parley/core/internal";
import { Deadlines } from "./internal/deadlines.ts";

/** A call of the tool that waits for the agent's answer. */
export interface PendingCall {
  /** Names the envelope of the call. */
  readonly key: string;
  readonly session: string;
  readonly party: string;
  readonly id: string | number;
  readonly contextId: string;
  /** Id of the A2A message that was made of it. */
  readonly messageId: string;
  /** Resolves when it is answered. */
  readonly done: Deferred<void>;
}

/** Calls that wait, by contexts in their order. */
export class PendingCalls {
  readonly #deadlines: Deadlines<PendingCall>;
  /** By session and id there. */
  readonly #ids = new Map<string, PendingCall>();
  readonly #contexts = new Map<string, Map<string, PendingCall>>();
  readonly #parties = new Map<string, number>();

  constructor(timeoutMs: number, onLate: (call: PendingCall) => void) {
    this.#deadlines = new Deadlines(timeoutMs, (call) => {
      this.#forget(call);
      onLate(call);
    });
  }

  get size(): number {
    return this.#deadlines.size;
  }

  sizeOf(party: string): number {
    return this.#parties.get(party) ?? 0;
  }

  add(call: PendingCall): void {
    if (this.#deadlines.get(call.key) !== undefined) return;
    this.#deadlines.add(call.key, call);
    this.#parties.set(call.party, this.sizeOf(call.party) + 1);
    this.#ids.set(nameOf(call.session, call.id), call);
    const context = this.#contexts.get(call.contextId) ?? new Map<string, PendingCall>();
    this.#contexts.set(call.contextId, context);
    context.set(call.messageId, call);
  }

  /** The call that an answer in a context is for: the one that it names, or else the one that waits longest. */
  takeAnswered(contextId: string, replyTo: unknown): PendingCall | undefined {
    const context = this.#contexts.get(contextId);
    const [oldest] = context?.values() ?? [];
    const call = typeof replyTo === "string" ? context?.get(replyTo) : oldest;
    return call === undefined ? undefined : this.take(call);
  }

  /** A call by its session and its id there. */
  find(session: string, id: unknown): PendingCall | undefined {
    return this.#ids.get(nameOf(session, id));
  }

  take(call: PendingCall): PendingCall {
    this.#deadlines.take(call.key);
    this.#forget(call);
    return call;
  }

  clear(): readonly PendingCall[] {
    this.#contexts.clear();
    this.#ids.clear();
    this.#parties.clear();
    return this.#deadlines.clear();
  }

  #forget({ contextId, messageId, party, session, id }: PendingCall): void {
    this.#ids.delete(nameOf(session, id));
    const context = this.#contexts.get(contextId);
    context?.delete(messageId);
    if (context?.size === 0) this.#contexts.delete(contextId);
    const left = this.sizeOf(party) - 1;
    if (left > 0) this.#parties.set(party, left);
    else this.#parties.delete(party);
  }
}

function nameOf(session: string, id: unknown): string {
  return JSON.stringify([session, id]);
}
