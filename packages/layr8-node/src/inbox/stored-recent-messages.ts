import type { Environment } from "@parley/storage";
import { RecentJournal } from "./recent-journal.ts";
import { type Fingerprint, RecentMessages } from "./recent-messages.ts";

/** Options of {@link StoredRecentMessages}. */
export interface StoredRecentMessagesOptions {
  /** Its table. */
  readonly name: string;
  readonly windowMs: number;
  /** Minimum number of messages remembered, whatever their age. */
  readonly maxRemembered: number;
  readonly now: () => number;
}

/** Keeps fingerprints of recently stored messages: in memory for lookups, and on disk ({@link RecentJournal}) for the next start. */
export class StoredRecentMessages {
  readonly #recent: RecentMessages;
  readonly #journal: RecentJournal;
  readonly #now: () => number;

  constructor(environment: Environment, { name, windowMs, maxRemembered, now }: StoredRecentMessagesOptions) {
    this.#recent = new RecentMessages(windowMs, maxRemembered, now());
    this.#journal = new RecentJournal(environment, { name, windowMs, maxHeld: 2 * maxRemembered, now });
    this.#now = now;
  }

  has(fingerprint: Fingerprint): boolean {
    return this.#recent.has(fingerprint, this.#now());
  }

  /** Adds the fingerprint to the next commit. It counts once confirmed. */
  write(fingerprint: Fingerprint): void {
    this.#journal.add(fingerprint);
  }

  /**
   * The commit succeeded.
   *
   * @param time when the message was appended.
   */
  confirm(fingerprint: Fingerprint, time: number): void {
    this.#recent.add(fingerprint, time);
  }

  /** Loads the fingerprints from disk. Called once. */
  load(): void {
    this.#journal.load(this.#recent);
  }
}
