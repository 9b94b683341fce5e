import type { UnsuitableGrant } from "@parley/credentials-client";

/** How long a message is remembered, in milliseconds. A denial comes sooner, unless the recipient's node could not be reached. */
const MAX_AGE_MS = 5 * 60_000;
const MAX_MESSAGES = 10_000;

/** What is remembered of a message. */
export interface RecentMessage {
  readonly to: readonly string[];
  readonly type: string;
  /** Why the stored grants do not cover it. */
  explain(): readonly UnsuitableGrant[];
}

/** Remembers messages by their thread for some minutes. */
export class RecentMessages {
  readonly #messages = new Map<string, { readonly message: RecentMessage; readonly since: number }>();
  readonly #now: () => number;

  /** @param now milliseconds of a clock that is never adjusted. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  add(thread: string, message: RecentMessage): void {
    const now = this.#now();
    this.#messages.delete(thread);
    this.#messages.set(thread, { message, since: now });
    for (const [oldest, { since }] of this.#messages) {
      if (this.#messages.size <= MAX_MESSAGES && now - since < MAX_AGE_MS) break;
      this.#messages.delete(oldest);
    }
  }

  /** Returns a message once. */
  take(thread: string | undefined): RecentMessage | undefined {
    if (thread === undefined) return undefined;
    const found = this.#messages.get(thread);
    this.#messages.delete(thread);
    return found !== undefined && this.#now() - found.since < MAX_AGE_MS ? found.message : undefined;
  }
}
