import { MAX_TIMER_MS } from "@parley/core/internal";
import { PerPartyQuota, type QuotaLimits } from "./per-party-quota.ts";

/** A call without an answer yet. */
export interface PendingCall {
  /** Identifies the envelope that the call arrived in. */
  readonly key: string;
  /** The party that made the call, if it is known. */
  readonly party: string | undefined;
  /** What it counts against the quota of bytes. */
  readonly bytes: number;
}

/** Options of {@link PendingCalls}. */
export interface PendingCallsOptions<Call> {
  /** Milliseconds until a call expires; the same for all, so that calls expire in the order in which they were added. */
  readonly timeoutMs: number;
  readonly total: QuotaLimits;
  readonly perParty: QuotaLimits;
  /** Called with each call that expires, after it was removed. */
  onTimeout(call: Call): void;
}

interface Entry<Call> {
  readonly call: Call;
  /** Milliseconds of the monotonic clock. */
  readonly deadline: number;
  /** Releases the quota; absent if the call was added beyond it. */
  readonly release: (() => void) | undefined;
}

/** The calls that wait for answers, oldest first, with a quota for each party and a deadline for each call. One timer serves all of them. */
export class PendingCalls<Call extends PendingCall> {
  readonly #options: PendingCallsOptions<Call>;
  readonly #quota: PerPartyQuota;
  readonly #entries = new Map<string, Entry<Call>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PendingCallsOptions<Call>) {
    this.#options = options;
    this.#quota = new PerPartyQuota(options.total, options.perParty);
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#options.total.count;
  }

  isPartyFull(party: string | undefined): boolean {
    return this.#quota.isPartyFull(party);
  }

  /** Whether one more call of this size fits the quota. Callers check it before {@link add}. */
  hasCapacity(party: string | undefined, bytes: number): boolean {
    return this.#quota.hasCapacity(party, bytes);
  }

  /** Does nothing if a call with the same key is pending: its deadline stays. */
  add(call: Call): void {
    if (this.#entries.has(call.key)) return;
    const release = this.#quota.tryAcquire(call.party, call.bytes);
    this.#entries.set(call.key, { call, deadline: performance.now() + this.#options.timeoutMs, release });
    this.#schedule();
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The oldest call that matches. */
  find(matches: (call: Call) => boolean): Call | undefined {
    for (const { call } of this.#entries.values()) if (matches(call)) return call;
    return undefined;
  }

  all(): readonly Call[] {
    return Array.from(this.#entries.values(), ({ call }) => call);
  }

  /** Removes a call, such as when it is answered. Returns `undefined` if it isn't pending. */
  take(key: string): Call | undefined {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    entry?.release?.();
    return entry?.call;
  }

  /** Removes all calls. */
  clear(): readonly Call[] {
    const calls = this.all();
    for (const { key } of calls) this.take(key);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return calls;
  }

  #schedule(): void {
    const [first] = this.#entries.values();
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(() => this.#expire(), Math.min(Math.max(first.deadline - performance.now(), 1), MAX_TIMER_MS));
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [key, { call, deadline }] of this.#entries) {
      if (deadline > now) break;
      this.take(key);
      this.#options.onTimeout(call);
    }
    this.#schedule();
  }
}
