import { createHash } from "node:crypto";
import type { JsonObject } from "@parley/core";
import type { Environment } from "./environment.ts";

/** The stored records of a registry. The registry holds all of them in memory: it loads them once, and writes each change. */
export interface Records<T> {
  /** Loads all records. Damaged ones are set aside. */
  load(): Iterable<T>;
  /**
   * Resolves when the record is durable.
   *
   * @throws StorageError `storage_failed`
   */
  put(key: string, record: T): Promise<void>;
  /**
   * Resolves when the removal is durable.
   *
   * @throws StorageError `storage_failed`
   */
  remove(key: string): Promise<void>;
}

/** Stores nothing, for a registry in memory only. */
export function memoryRecords<T>(): Records<T> {
  return {
    load: () => [],
    put: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
}

/** Stores records as JSON in a table. Keys are hashed, because they may be longer than LMDB allows; each record must contain its key. */
export function storedRecords<T extends JsonObject>(environment: Environment, name: string): Records<T> {
  const table = environment.table(name);
  const { writes } = environment;
  return {
    *load() {
      const damaged: Uint8Array[] = [];
      for (const { key, value } of table.getRange({ onDamaged: (bad) => damaged.push(Uint8Array.from(bad)) })) {
        const record = parse(value);
        if (record === undefined) damaged.push(Uint8Array.from(key));
        else yield record as T;
      }
      for (const key of damaged) table.setAside(writes, key);
    },
    put: (key, record) => {
      writes.put(table, hashed(key), Buffer.from(JSON.stringify(record)));
      return writes.flush();
    },
    remove: (key) => {
      writes.remove(table, hashed(key));
      return writes.flush();
    },
  };
}

function hashed(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

function parse(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
  } catch {
    return undefined;
  }
}
