import type { Deferred } from "@parley/core/internal";
import { Deadlines } from "../internal/deadlines.ts";
import { MOST_BYTES, PARTY_SHARE, Shares } from "./per-party-quota.ts";

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
  /** Bytes of the envelope's payload. */
  readonly bytes: number;
  /** Resolves when it is answered. */
  readonly done: Deferred<void>;
}

/** Calls that wait, by contexts in their order. */
export class PendingCalls {
  readonly #deadlines: Deadlines<PendingCall>;
  /** By session and id there. */
  readonly #ids = new Map<string, PendingCall>();
  readonly #contexts = new Map<string, Map<string, PendingCall>>();
  readonly #shares: Shares;

  constructor(timeoutMs: number, maxCalls: number, onLate: (call: PendingCall) => void) {
    this.#shares = new Shares({ calls: maxCalls, bytes: MOST_BYTES }, PARTY_SHARE);
    this.#deadlines = new Deadlines(timeoutMs, (call) => {
      this.#forget(call);
      onLate(call);
    });
  }

  /** Whether one more call of a party, with so many bytes, may wait. A single one may, however large it is. */
  hasRoom(party: string, bytes: number): boolean {
    return this.#shares.hasRoom(party, bytes);
  }

  add(call: PendingCall): void {
    if (this.#deadlines.get(call.key) !== undefined) return;
    this.#deadlines.add(call.key, call);
    this.#shares.add(call.party, call.bytes);
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
    if (this.#deadlines.take(call.key) !== undefined) this.#forget(call);
    return call;
  }

  clear(): readonly PendingCall[] {
    this.#contexts.clear();
    this.#ids.clear();
    this.#shares.clear();
    return this.#deadlines.clear();
  }

  #forget({ contextId, messageId, party, session, id, bytes }: PendingCall): void {
    this.#ids.delete(nameOf(session, id));
    const context = this.#contexts.get(contextId);
    context?.delete(messageId);
    if (context?.size === 0) this.#contexts.delete(contextId);
    this.#shares.remove(party, bytes);
  }
}

function nameOf(session: string, id: unknown): string {
  return JSON.stringify([session, id]);
}
