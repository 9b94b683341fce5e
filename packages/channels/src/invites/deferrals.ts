import { randomInt } from "node:crypto";

/**
 * Why a request to join is left for later:
 * `turn`: it is first the turn of the member who made the invite; `welcome`: the joiner is a member, and its welcome is on the way;
 * `doubt`: no member is known here that made the invite, who may have joined just now.
 */
export type DeferralReason = "turn" | "welcome" | "doubt";

/** Milliseconds, and as many more at random so that not all members act at once. */
export type DeferralTimes = Readonly<Record<DeferralReason, { readonly atLeast: number; readonly spread: number }>>;

const DEFERRAL_TIMES: DeferralTimes = {
  turn: { atLeast: 1500, spread: 3000 },
  // Longer than whoever has added the joiner tries to bring the welcome.
  welcome: { atLeast: 8000, spread: 4000 },
  doubt: { atLeast: 10_000, spread: 5000 },
};

/** Requests that are remembered; a server that lists more of them is lying, or nearly so. */
const MAX_DEFERRALS = 10_000;

/** When to look again at requests to join that were left for later. */
export class Deferrals {
  readonly #times: DeferralTimes;
  readonly #entries = new Map<string, { readonly reason: DeferralReason; readonly dueAt: number }>();

  constructor(times: DeferralTimes = DEFERRAL_TIMES) {
    this.#times = times;
  }

  /** Leaves a request for later; when it has waited long enough for this reason: false, and it waits no more. */
  defer(id: string, reason: DeferralReason): boolean {
    const entry = this.#entries.get(id);
    if (entry?.reason !== reason) {
      this.put(id, reason);
      return true;
    }
    if (entry.dueAt > performance.now()) return true;
    this.#entries.delete(id);
    return false;
  }

  /** Starts the wait of a request anew. */
  put(id: string, reason: DeferralReason): void {
    const { atLeast, spread } = this.#times[reason];
    if (this.#entries.size >= MAX_DEFERRALS && !this.#entries.has(id)) return;
    this.#entries.set(id, { reason, dueAt: performance.now() + atLeast + randomInt(spread + 1) });
  }

  /** Forgets all requests but those that are still there. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#entries.keys()) if (!ids.has(id)) this.#entries.delete(id);
  }

  /** Milliseconds until the first of them is due; `undefined` when there is none. */
  dueInMs(): number | undefined {
    let first: number | undefined;
    for (const { dueAt } of this.#entries.values()) first = Math.min(first ?? dueAt, dueAt);
    return first === undefined ? undefined : Math.max(0, first - performance.now());
  }
}
