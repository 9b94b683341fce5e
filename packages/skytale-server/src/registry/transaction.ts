import type { JsonObject } from "@parley/core";
import { RegistryError } from "./registry-error.ts";
import type { Registry, RegistryChange, RegistryEntry } from "./registry.ts";

/** A kind of record, and how its keys are made. */
export class Kind<T extends JsonObject> {
  /** What the keys of all its records begin with. */
  readonly prefix: string;

  constructor(name: string) {
    this.prefix = `${name}/`;
  }

  key(...parts: readonly string[]): string {
    return this.prefix + parts.join("/");
  }

  /** What the keys of those records begin with whose first parts are these. */
  under(...parts: readonly string[]): string {
    return `${this.key(...parts)}/`;
  }

  /** A record of this kind. Only this program writes records, so the form is the one of the kind. */
  of(entry: RegistryEntry): T {
    return entry.record as T;
  }

  /** Reads one record outside of a transaction. */
  async read(registry: Registry, ...parts: readonly string[]): Promise<T | undefined> {
    const entry = await registry.get(this.key(...parts));
    return entry === undefined ? undefined : this.of(entry);
  }
}

/** Reads and writes that take effect atomically and serializably. */
export class Transaction {
  readonly #registry: Registry;
  readonly #seen = new Map<string, RegistryEntry | undefined>();
  readonly #changes = new Map<string, JsonObject | null>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async get<T extends JsonObject>(kind: Kind<T>, ...parts: readonly string[]): Promise<T | undefined> {
    const key = kind.key(...parts);
    const changed = this.#changes.get(key);
    if (changed !== undefined) return changed === null ? undefined : (changed as T);
    if (!this.#seen.has(key)) this.#seen.set(key, await this.#registry.get(key));
    const entry = this.#seen.get(key);
    return entry === undefined ? undefined : kind.of(entry);
  }

  /** Writes a record. One that was not read before must not be there yet. */
  put<T extends JsonObject>(kind: Kind<T>, parts: readonly string[], record: T): void {
    this.#changes.set(kind.key(...parts), record);
  }

  /** Removes a record that was read before. */
  remove<T extends JsonObject>(kind: Kind<T>, ...parts: readonly string[]): void {
    this.#changes.set(kind.key(...parts), null);
  }

  commit(): Promise<void> {
    if (this.#changes.size === 0) return Promise.resolve();
    const keys = new Set([...this.#seen.keys(), ...this.#changes.keys()]);
    return this.#registry.commit(Array.from(keys, (key) => this.#changeOf(key)));
  }

  #changeOf(key: string): RegistryChange {
    const expected = this.#seen.get(key)?.revision;
    const record = this.#changes.get(key);
    // Written and removed again, or removed though it was never there.
    return record === null && expected === undefined ? { key, expected } : { key, expected, record };
  }
}

/** Attempts before a conflict is reported. */
const ATTEMPTS = 32;

/**
 * Runs a transaction, and repeats it while other commits change the records that it read.
 *
 * @param body may run several times: all its effects go through the transaction.
 * @throws whatever the body throws; RegistryError `conflict` after {@link ATTEMPTS} attempts; StorageError `storage_failed`.
 */
export async function transact<T>(registry: Registry, body: (transaction: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const transaction = new Transaction(registry);
    const result = await body(transaction);
    try {
      await transaction.commit();
      return result;
    } catch (error) {
      if (!(error instanceof RegistryError) || attempt === ATTEMPTS) throw error;
    }
  }
}
