import { randomInt } from "node:crypto";
import { checkOptions, type OptionCheck } from "@parley/core/internal";

/**
 * Why a join request is postponed:
 *
 * - `turn`: the member that created the invite acts first.
 * - `welcome`: the joiner is a member, and another member is storing its Welcome.
 * - `doubt`: no known member signed the invite. The inviter may have joined just now.
 */
export type RetryReason = "turn" | "welcome" | "doubt";

/** Delays in milliseconds: `atLeast`, plus a random part up to `spread`, so that members do not act at the same time. */
export type RetryTimes = Readonly<Record<RetryReason, { readonly atLeast: number; readonly spread: number }>>;

const RETRY_TIMES: RetryTimes = {
  turn: { atLeast: 1500, spread: 3000 },
  // Longer than the member that added the joiner tries to store the Welcome.
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

/** Limit on postponed requests. Only a malicious server lists more. */
const MAX_ENTRIES = 10_000;

/** When to process postponed join requests again. */
export class RetrySchedule {
  readonly #times: RetryTimes;
  readonly #entries = new Map<string, { readonly reason: RetryReason; readonly dueAt: number }>();

  constructor(times: RetryTimes = RETRY_TIMES) {
    this.#times = times;
  }

  /** Postpones a request. Returns false, and drops its entry, if it was postponed for this reason and its delay has passed. */
  postpone(id: string, reason: RetryReason): boolean {
    const entry = this.#entries.get(id);
    if (entry?.reason !== reason) {
      this.put(id, reason);
      return true;
    }
    if (entry.dueAt > performance.now()) return true;
    this.#entries.delete(id);
    return false;
  }

  /** Restarts the delay of a request. */
  put(id: string, reason: RetryReason): void {
    const { atLeast, spread } = this.#times[reason];
    if (this.#entries.size >= MAX_ENTRIES && !this.#entries.has(id)) return;
    this.#entries.set(id, { reason, dueAt: performance.now() + atLeast + randomInt(spread + 1) });
  }

  /** Drops all requests that are not listed. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#entries.keys()) if (!ids.has(id)) this.#entries.delete(id);
  }

  /** Milliseconds until the first request is due; `undefined` if no request is postponed. */
  dueInMs(): number | undefined {
    let first: number | undefined;
    for (const { dueAt } of this.#entries.values()) first = Math.min(first ?? dueAt, dueAt);
    return first === undefined ? undefined : Math.max(0, first - performance.now());
  }
}
