import { randomInt } from "node:crypto";
import { checkOptions, type OptionCheck } from "@parley/core/internal";

/**
 * Why a request to join is left for later:
 * `turn`: it is first the turn of the member who made the invite; `welcome`: the joiner is a member, and its welcome is on the way;
 * `doubt`: no member is known here that made the invite, who may have joined just now.
 */
export type RetryReason = "turn" | "welcome" | "doubt";

/** Milliseconds, and as many more at random so that not all members act at once. */
export type RetryTimes = Readonly<Record<RetryReason, { readonly atLeast: number; readonly spread: number }>>;

const RETRY_TIMES: RetryTimes = {
  turn: { atLeast: 1500, spread: 3000 },
  // Longer than whoever has added the joiner tries to bring the welcome.
  welcome: { atLeast: 8000, spread: 4000 },
  doubt: { atLeast: 10_000, spread: 5000 },
};

const IS_MS: OptionCheck = { expected: "an integer from 0 on", is: (value) => Number.isSafeInteger(value) && Number(value) >= 0 };
const IS_TIME: OptionCheck = { expected: "an object with atLeast and spread", is: (value) => typeof value === "object" && value !== null };

/** Checks times as given. @param prefix precedes their names in messages. @throws TypeError */
export function checkRetryTimes(times: RetryTimes | undefined, prefix: string): void {
  checkOptions<RetryTimes>(times, { turn: IS_TIME, welcome: IS_TIME, doubt: IS_TIME }, prefix);
  for (const reason of ["turn", "welcome", "doubt"] as const) {
    if (times === undefined) return;
    if (times[reason] === undefined) throw new TypeError(`Option "${prefix}${reason}" is missing`);
    checkOptions<RetryTimes["turn"]>(times[reason], { atLeast: IS_MS, spread: IS_MS }, `${prefix}${reason}.`);
  }
}

/** Requests that are remembered; a server that lists more of them is lying, or nearly so. */
const MAX_ENTRIES = 10_000;

/** When to look again at requests to join that were left for later. */
export class RetrySchedule {
  readonly #times: RetryTimes;
  readonly #entries = new Map<string, { readonly reason: RetryReason; readonly dueAt: number }>();

  constructor(times: RetryTimes = RETRY_TIMES) {
    this.#times = times;
  }

  /** Leaves a request for later; when it has waited long enough for this reason: false, and it waits no more. */
  defer(id: string, reason: RetryReason): boolean {
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
  put(id: string, reason: RetryReason): void {
    const { atLeast, spread } = this.#times[reason];
    if (this.#entries.size >= MAX_ENTRIES && !this.#entries.has(id)) return;
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
