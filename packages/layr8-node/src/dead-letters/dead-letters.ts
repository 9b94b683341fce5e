import { type Environment, isRecordDamaged, numberAt, numbersKey, type Table, type WriteQueue } from "@parley/storage";
import { DeadLetterIndex } from "./dead-letter-index.ts";
import type { DeadLetterPage, DeadLetterStore, StoredDeadLetter } from "./dead-letter-store.ts";
import type { DeadLetter, DeadLetterLimits, NewDeadLetter } from "./dead-letter.ts";

/** Options of {@link DeadLetters}. */
export interface DeadLettersOptions {
  readonly limits: DeadLetterLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const LAST_ID = Buffer.from("last-id");

/**
 * Dead letters of one node. Tables: `dead-letters` (id → JSON without the plaintext), `dead-letter-texts` (id → plaintext), `dead-letter-meta`
 * (the last id). The former is in memory.
 */
export class DeadLetters implements DeadLetterStore {
  readonly #now: () => number;
  readonly #writes: WriteQueue;
  readonly #letters: Table;
  readonly #texts: Table;
  readonly #meta: Table;
  readonly #index: DeadLetterIndex;
  /** Plaintexts of dead letters whose commit is under way. */
  readonly #unwritten = new Map<number, string>();
  #lastId = 0;

  /** Loads the dead letters. Called before the first write of the environment. */
  constructor(environment: Environment, { limits, now }: DeadLettersOptions) {
    this.#index = new DeadLetterIndex(limits);
    this.#now = now;
    this.#writes = environment.writes;
    this.#letters = environment.table("dead-letters");
    this.#texts = environment.table("dead-letter-texts");
    this.#meta = environment.table("dead-letter-meta");
    this.#load();
  }

  get size(): number {
    return this.#index.size;
  }

  count(did: string): number {
    return this.#index.count(did);
  }

  async add({ plaintext, ...given }: NewDeadLetter): Promise<void> {
    const { length } = plaintext;
    if (!this.#index.accepts(length)) return;
    const letter: DeadLetter = { ...given, id: ++this.#lastId, failedAt: this.#now(), length };
    const key = numbersKey(letter.id);
    this.#writes.put(this.#letters, key, Buffer.from(JSON.stringify(letter)));
    this.#writes.put(this.#texts, key, Buffer.from(plaintext));
    this.#writes.put(this.#meta, LAST_ID, key);
    this.#index.add(letter);
    this.#unwritten.set(letter.id, plaintext);
    for (const id of this.#index.takeSurplus(letter.did)) this.#write(id);
    try {
      await this.#writes.flush();
    } catch (error) {
      this.#index.delete(letter.id);
      throw error;
    } finally {
      this.#unwritten.delete(letter.id);
    }
  }

  list(page: DeadLetterPage): readonly DeadLetter[] {
    return this.#index.list(page);
  }

  get(id: number): DeadLetter | undefined {
    return this.#index.get(id);
  }

  async read(id: number): Promise<StoredDeadLetter | undefined> {
    const [letter, plaintext] = [this.get(id), this.textOf(id)];
    return letter === undefined || plaintext === undefined ? undefined : { letter, plaintext };
  }

  /** The plaintext of a dead letter; `undefined` if it is unknown or damaged. */
  textOf(id: number): string | undefined {
    if (!this.#index.has(id)) return undefined;
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

  async remove(id: number): Promise<boolean> {
    if (!this.#index.delete(id)) return false;
    this.#write(id);
    await this.#writes.flush();
    return true;
  }

  async removeAgent(did: string): Promise<number> {
    const ids = this.#index.idsOf(did).filter((id) => this.#index.delete(id));
    for (const id of ids) this.#write(id);
    if (ids.length > 0) await this.#writes.flush();
    return ids.length;
  }

  /** Writes a removal. */
  #write(id: number): void {
    const key = numbersKey(id);
    this.#writes.remove(this.#letters, key);
    this.#writes.remove(this.#texts, key);
  }

  #load(): void {
    const damaged: Uint8Array[] = [];
    for (const { key, value } of this.#letters.getRange({ onDamaged: (bad) => damaged.push(Uint8Array.from(bad)) })) {
      const letter = parse(value);
      this.#lastId = Math.max(this.#lastId, numberAt(key, 0));
      if (letter === undefined) damaged.push(Uint8Array.from(key));
      else this.#index.add(letter);
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
