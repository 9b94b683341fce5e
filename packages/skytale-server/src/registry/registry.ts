import type { JsonObject } from "@parley/core";

/** A record as a registry holds it. */
export interface RegistryEntry {
  readonly key: string;
  readonly record: JsonObject;
  /** Changes with every write of the key, and is never the same again. */
  readonly revision: string;
}

/** One part of a commit: what a key must be like, and what it is to become. */
export interface RegistryChange {
  readonly key: string;
  /** The revision that the key must still have; `undefined`: the key must be absent. */
  readonly expected: string | undefined;
  /** The new record; `null` removes the key; `undefined` leaves it as it is and only checks it. */
  readonly record?: JsonObject | null | undefined;
}

/** Which part of a list is wanted. */
export interface RegistryListOptions {
  readonly limit: number;
  /** The last key of the page before. */
  readonly after?: string | undefined;
}

/**
 * Keeps the API server's records: accounts, keys, channels, invites, joins.
 *
 * Keys are 1 to 256 characters of `A-Z a-z 0-9 - _ /`. Reads return durable records only: a record that is
 * being written is returned once it is stored.
 */
export interface Registry {
  /** @throws StorageError `storage_failed` */
  get(key: string): Promise<RegistryEntry | undefined>;
  /**
   * The records whose keys begin with a prefix, in the order of their keys.
   *
   * @throws StorageError `storage_failed`
   */
  list(prefix: string, options: RegistryListOptions): Promise<readonly RegistryEntry[]>;
  /**
   * Makes all changes or none. Resolves when they are durable.
   *
   * @throws RegistryError `conflict` when a key is not as expected: read again, decide again; StorageError `storage_failed`: nothing has
   *   been stored, or, in a registry that several servers share, that may be unknown; TypeError when a key is malformed or named twice.
   */
  commit(changes: readonly RegistryChange[]): Promise<void>;
}

/** Characters of the longest key. */
const MAX_KEY_LENGTH = 256;

const KEY = /^[\w/-]{1,256}$/;

/** Checks the keys of a commit. @throws TypeError */
export function assertChanges(changes: readonly RegistryChange[]): void {
  const keys = new Set<string>();
  for (const { key } of changes) {
    if (!KEY.test(key)) throw new TypeError(`A registry's key has 1 to ${MAX_KEY_LENGTH} characters of A-Z a-z 0-9 - _ /`);
    if (keys.has(key)) throw new TypeError(`A commit names the key ${key} twice`);
    keys.add(key);
  }
}
