import { type Environment, isRecordDamaged, numberAt, numbersKey, type Table, type WriteQueue } from "@parley/storage";
import type { DeadLetter, DeadLetterLimits, NewDeadLetter } from "./dead-letter.ts";

/** Options of {@link DeadLetters}. */
export interface DeadLettersOptions {
  readonly limits: DeadLetterLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Range of a list. */
export interface DeadLetterPage {
  /** The agent; absent for all. */
  readonly did?: string | undefined;
  /** Only those with smaller ids. */
  readonly before?: number | undefined;
  readonly limit: number;
}

const LAST_ID = Buffer.from("last-id");

/** Number and characters of the dead letters of an owner. */
interface Held {
  readonly ids: Set<number>;
  length: number;
}

/**
 * The messages that failed permanently, until an operator replays or purges them, or newer ones replace them. Tables: `dead-letters` (id →
 * JSON without the plaintext), `dead-letter-texts` (id → plaintext), `dead-letter-meta` (the last id). The former is in memory.
 */
export class DeadLetters {
  readonly #limits: DeadLetterLimits;
  readonly #now: () => number;
  readonly #writes: WriteQueue;
  readonly #letters: Table;
  readonly #texts: Table;
  readonly #meta: Table;
  /** Oldest first. */
  readonly #all = new Map<number, DeadLetter>();
  readonly #byAgent = new Map<string, Held>();
  /** Plaintexts of dead letters whose commit is under way. */
  readonly #unwritten = new Map<number, string>();
  #length = 0;
  #lastId = 0;

  /** Loads the dead letters. Called before the first write of the environment. */
  constructor(environment: Environment, { limits, now }: DeadLettersOptions) {
    this.#limits = limits;
    this.#now = now;
    this.#writes = environment.writes;
    this.#letters = environment.table("dead-letters");
    this.#texts = environment.table("dead-letter-texts");
    this.#meta = environment.table("dead-letter-meta");
    this.#load();
  }

  get size(): number {
    return this.#all.size;
  }

  /** Number of dead letters of an agent. */
  count(did: string): number {
    return this.#byAgent.get(did)?.ids.size ?? 0;
  }

  /**
   * Stores a message, and removes the oldest ones beyond the limits. Resolves when it is durable. A message larger than a limit is dropped.
   *
   * @throws StorageError `storage_failed`
   */
  async add({ plaintext, ...given }: NewDeadLetter): Promise<void> {
    const { length } = plaintext;
    const { maxDeadLetters, maxDeadLetterLength, maxTotalDeadLetters, maxTotalDeadLetterLength } = this.#limits;
    if (length > Math.min(maxDeadLetterLength, maxTotalDeadLetterLength)) return;
    const letter: DeadLetter = { ...given, id: ++this.#lastId, failedAt: this.#now(), length };
    const key = numbersKey(letter.id);
    this.#writes.put(this.#letters, key, Buffer.from(JSON.stringify(letter)));
    this.#writes.put(this.#texts, key, Buffer.from(plaintext));
    this.#writes.put(this.#meta, LAST_ID, key);
    this.#take(letter);
    this.#unwritten.set(letter.id, plaintext);
    const own = this.#byAgent.get(letter.did) ?? { ids: new Set<number>(), length: 0 };
    while (own.ids.size > maxDeadLetters || own.length > maxDeadLetterLength) this.#removeOldest(own.ids);
    while (this.#all.size > maxTotalDeadLetters || this.#length > maxTotalDeadLetterLength) this.#removeOldest(this.#all.keys());
    try {
      await this.#writes.flush();
    } catch (error) {
      this.#forget(letter.id);
      throw error;
    } finally {
      this.#unwritten.delete(letter.id);
    }
  }

  /** The latest dead letters, newest first. */
  list({ did, before = Number.POSITIVE_INFINITY, limit }: DeadLetterPage): readonly DeadLetter[] {
    const ids = did === undefined ? [...this.#all.keys()] : [...(this.#byAgent.get(did)?.ids ?? [])];
    return ids
      .filter((id) => id < before)
      .slice(-limit)
      .toReversed()
      .flatMap((id) => this.#all.get(id) ?? []);
  }

  get(id: number): DeadLetter | undefined {
    return this.#all.get(id);
  }

  /** The plaintext of a dead letter; `undefined` if it is unknown or damaged. */
  textOf(id: number): string | undefined {
    if (!this.#all.has(id)) return undefined;
    const unwritten = this.#unwritten.get(id);
    if (unwritten !== undefined) return unwritten;
    try {
      const text = this.#texts.get(numbersKey(id));
      return text === undefined ? undefined : Buffer.from(text).toString();
    } catch (error) {
      if (isRecordDamaged(error)) return undefined;
      throw error;
    }
  }

  /** Removes a dead letter. Resolves when the removal is durable, to `false` if the id is unknown. @throws StorageError `storage_failed` */
  async remove(id: number): Promise<boolean> {
    if (!this.#drop(id)) return false;
    await this.#writes.flush();
    return true;
  }

  /** Removes all dead letters of an agent. Resolves to their number. @throws StorageError `storage_failed` */
  async removeAgent(did: string): Promise<number> {
    const ids = [...(this.#byAgent.get(did)?.ids ?? [])];
    for (const id of ids) this.#drop(id);
    if (ids.length > 0) await this.#writes.flush();
    return ids.length;
  }

  #removeOldest(ids: Iterable<number>): void {
    for (const oldest of ids) {
      this.#drop(oldest);
      return;
    }
  }

  #drop(id: number): boolean {
    if (!this.#forget(id)) return false;
    const key = numbersKey(id);
    this.#writes.remove(this.#letters, key);
    this.#writes.remove(this.#texts, key);
    return true;
  }

  #forget(id: number): boolean {
    const letter = this.#all.get(id);
    if (letter === undefined) return false;
    const { did, length } = letter;
    this.#all.delete(id);
    this.#length -= length;
    const own = this.#byAgent.get(did);
    if (own !== undefined) {
      own.ids.delete(id);
      own.length -= length;
      if (own.ids.size === 0) this.#byAgent.delete(did);
    }
    return true;
  }

  #take(letter: DeadLetter): void {
    const { id, did, length } = letter;
    this.#all.set(id, letter);
    this.#length += length;
    const own = this.#byAgent.get(did) ?? { ids: new Set(), length: 0 };
    this.#byAgent.set(did, own);
    own.ids.add(id);
    own.length += length;
  }

  #load(): void {
    const damaged: Uint8Array[] = [];
    for (const { key, value } of this.#letters.getRange({ onDamaged: (bad) => damaged.push(Uint8Array.from(bad)) })) {
      const letter = parse(value);
      this.#lastId = Math.max(this.#lastId, numberAt(key, 0));
      if (letter === undefined) damaged.push(Uint8Array.from(key));
      else this.#take(letter);
    }
    for (const key of damaged) {
      this.#letters.setAside(this.#writes, key);
      this.#writes.remove(this.#texts, key);
    }
    try {
      const last = this.#meta.get(LAST_ID);
      if (last !== undefined) this.#lastId = Math.max(this.#lastId, numberAt(last, 0));
    } catch (error) {
      if (!isRecordDamaged(error)) throw error;
    }
  }
}

function parse(value: Uint8Array): DeadLetter | undefined {
  try {
    return JSON.parse(Buffer.from(value).toString()) as DeadLetter;
  } catch {
    return undefined;
  }
}
