import type { Deferred } from "@parley/core/internal";
import { Deadlines } from "./internal/deadlines.ts";

/** What waits is unsettled, and a port gives out no more than 16 MiB of that: these leave room for one more message of any size. */
const MAX_BYTES = 12_582_912;
const PER_PARTY = { calls: 64, bytes: 4_194_304 };

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

/** How much of one party waits. */
interface Load {
  readonly calls: number;
  readonly bytes: number;
}

/** Calls that wait, by contexts in their order. */
export class PendingCalls {
  readonly #deadlines: Deadlines<PendingCall>;
  /** By session and id there. */
  readonly #ids = new Map<string, PendingCall>();
  readonly #contexts = new Map<string, Map<string, PendingCall>>();
  readonly #parties = new Map<string, Load>();
  readonly #maxCalls: number;
  #bytes = 0;

  constructor(timeoutMs: number, maxCalls: number, onLate: (call: PendingCall) => void) {
    this.#maxCalls = maxCalls;
    this.#deadlines = new Deadlines(timeoutMs, (call) => {
      this.#forget(call);
      onLate(call);
    });
  }

  /** Whether one more call of a party, with so many bytes, may wait. A single one may, however large it is. */
  hasRoom(party: string, bytes: number): boolean {
    const { size } = this.#deadlines;
    if (size === 0) return true;
    if (size >= this.#maxCalls || this.#bytes + bytes > MAX_BYTES) return false;
    const own = this.#parties.get(party);
    return own === undefined || (own.calls < PER_PARTY.calls && own.bytes + bytes <= PER_PARTY.bytes);
  }

  add(call: PendingCall): void {
    if (this.#deadlines.get(call.key) !== undefined) return;
    this.#deadlines.add(call.key, call);
    this.#load(call.party, 1, call.bytes);
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
    this.#parties.clear();
    this.#bytes = 0;
    return this.#deadlines.clear();
  }

  #forget({ contextId, messageId, party, session, id, bytes }: PendingCall): void {
    this.#ids.delete(nameOf(session, id));
    const context = this.#contexts.get(contextId);
    context?.delete(messageId);
    if (context?.size === 0) this.#contexts.delete(contextId);
    this.#load(party, -1, -bytes);
  }

  #load(party: string, calls: number, bytes: number): void {
    const own = this.#parties.get(party) ?? { calls: 0, bytes: 0 };
    this.#bytes += bytes;
    if (own.calls + calls === 0) this.#parties.delete(party);
    else this.#parties.set(party, { calls: own.calls + calls, bytes: own.bytes + bytes });
  }
}

function nameOf(session: string, id: unknown): string {
  return JSON.stringify([session, id]);
}
