import type { Environment } from "@parley/storage";
import { RecentJournal } from "./recent-journal.ts";
import { type Fingerprint, RecentMessages } from "./recent-messages.ts";

/** What a {@link LmdbRecent} is made with. */
export interface LmdbRecentOptions {
  /** Its table. */
  readonly name: string;
  readonly windowMs: number;
  /** Messages that are remembered at least, whatever their age. */
  readonly maxRemembered: number;
  readonly now: () => number;
}

/** What was stored lately: in memory to look it up, and on disk ({@link RecentJournal}) for the next start. */
export class LmdbRecent {
  readonly #recent: RecentMessages;
  readonly #journal: RecentJournal;
  readonly #now: () => number;

  constructor(environment: Environment, { name, windowMs, maxRemembered, now }: LmdbRecentOptions) {
    this.#recent = new RecentMessages(windowMs, maxRemembered, now());
    this.#journal = new RecentJournal(environment, { name, windowMs, maxHeld: 2 * maxRemembered, now });
    this.#now = now;
  }

  has(fingerprint: Fingerprint): boolean {
    return this.#recent.has(fingerprint, this.#now());
  }

  /** Makes the fingerprint part of the next commit. It counts once it is confirmed. */
  write(fingerprint: Fingerprint): void {
    this.#journal.add(fingerprint);
  }

  /** The commit was made. @param time when the message came. */
  confirm(fingerprint: Fingerprint, time: number): void {
    this.#recent.add(fingerprint, time);
  }

  /** Reads what is on disk. Called once. */
  load(): void {
    this.#journal.load(this.#recent);
  }
}
