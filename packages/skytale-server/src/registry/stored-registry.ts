import { randomBytes } from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";
import { ChurnMap } from "@parley/core/internal";
import { StorageError, type Environment, type Table, type WriteQueue } from "@parley/storage";
import { conflict } from "./registry-error.ts";
import { assertChanges, type Registry, type RegistryChange, type RegistryEntry, type RegistryListOptions } from "./registry.ts";

const REVISION_BYTES = 9;
const REVISION_LENGTH = 12;

/** Records in a server's data directory or in memory, in the table `registry`: key → 12 characters of revision, and the record as JSON. */
export class StoredRegistry implements Registry {
  readonly #table: Table;
  readonly #writes: WriteQueue;
  /** The commits that are under way, by key. */
  readonly #pending = new ChurnMap<string, Promise<void>>();

  constructor(environment: Environment) {
    this.#table = environment.table("registry");
    this.#writes = environment.writes;
  }

  async get(key: string): Promise<RegistryEntry | undefined> {
    const value = this.#table.get(Buffer.from(key));
    if (value === undefined) return undefined;
    const entry = decodeIntact(key, value);
    if (entry === undefined) throw new StorageError("record_damaged", "A record of the registry is damaged");
    return entry;
  }

  list(prefix: string, { limit, after }: RegistryListOptions): Promise<readonly RegistryEntry[]> {
    const start = after === undefined || after < prefix ? Buffer.from(prefix) : Buffer.from(`${after}\0`);
    const found: RegistryEntry[] = [];
    if (limit <= 0) return Promise.resolve(found);
    // A damaged record is left out: it must not keep others from being listed.
    for (const { key, value } of this.#table.getRange({ start, end: Buffer.from(`${prefix}\x7f`) })) {
      const entry = decodeIntact(textOf(key), value);
      if (entry !== undefined && found.push(entry) >= limit) break;
    }
    return Promise.resolve(found);
  }

  async commit(changes: readonly RegistryChange[]): Promise<void> {
    assertChanges(changes);
    for (let before = this.#underWay(changes); before !== undefined; before = this.#underWay(changes)) {
      await before.catch(() => undefined);
    }
    // From here to the queueing nothing else runs.
    for (const { key, expected } of changes) {
      const value = this.#table.get(Buffer.from(key));
      if ((value === undefined ? undefined : revisionOf(value)) !== expected) throw conflict();
    }
    await this.#write(changes);
  }

  /** Queues all changes in one turn of the event loop: they share a commit. */
  async #write(changes: readonly RegistryChange[]): Promise<void> {
    const written = changes.filter(({ record }) => record !== undefined);
    for (const { key, record } of written) {
      if (record === null || record === undefined) this.#writes.remove(this.#table, Buffer.from(key));
      else this.#writes.put(this.#table, Buffer.from(key), encode(record));
    }
    const flushed = this.#writes.flush();
    for (const { key } of written) this.#pending.set(key, flushed);
    try {
      await flushed;
    } finally {
      for (const { key } of written) this.#pending.delete(key);
    }
  }

  /** A commit that must be over before this one can be decided. */
  #underWay(changes: readonly RegistryChange[]): Promise<void> | undefined {
    for (const { key } of changes) {
      const pending = this.#pending.get(key);
      if (pending !== undefined) return pending;
    }
    return undefined;
  }
}

function encode(record: JsonObject): Buffer {
  return Buffer.from(randomBytes(REVISION_BYTES).toString("base64url") + JSON.stringify(record));
}

function revisionOf(value: Uint8Array): string {
  return textOf(value.subarray(0, REVISION_LENGTH));
}

/** `undefined` when the record is damaged. */
function decodeIntact(key: string, value: Uint8Array): RegistryEntry | undefined {
  try {
    const record: unknown = JSON.parse(textOf(value.subarray(REVISION_LENGTH)));
    return isJsonObject(record) ? { key, record, revision: revisionOf(value) } : undefined;
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
