import type { DeadLetter, NewDeadLetter } from "./dead-letter.ts";

/** Range of a list. */
export interface DeadLetterPage {
  /** The agent; absent for all. */
  readonly did?: string | undefined;
  /** Only those with smaller ids. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A dead letter with its message. */
export interface StoredDeadLetter {
  readonly letter: DeadLetter;
  readonly plaintext: string;
}

/** The messages that failed permanently, until an operator replays or purges them, or newer ones replace them. */
export interface DeadLetterStore {
  readonly size: number;
  /** Number of dead letters of an agent. */
  count(did: string): number;
  /**
   * Stores a message, and removes the oldest ones beyond the limits. Resolves when it is durable. A message larger than a limit is dropped.
   *
   * @throws StorageError `storage_failed`
   */
  add(letter: NewDeadLetter): Promise<void>;
  /** The latest dead letters, newest first. Their `senderCredentials` may be missing. */
  list(page: DeadLetterPage): readonly DeadLetter[];
  /** A dead letter, as {@link list} has it. */
  get(id: number): DeadLetter | undefined;
  /** A dead letter with its plaintext; `undefined` if it is unknown or damaged. @throws StorageError `storage_failed` */
  read(id: number): Promise<StoredDeadLetter | undefined>;
  /** Removes a dead letter. Resolves when the removal is durable, to `false` if the id is unknown. @throws StorageError `storage_failed` */
  remove(id: number): Promise<boolean>;
  /** Removes all dead letters of an agent. Resolves to their number. @throws StorageError `storage_failed` */
  removeAgent(did: string): Promise<number>;
}
