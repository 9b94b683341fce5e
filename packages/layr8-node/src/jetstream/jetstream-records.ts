import { createHash } from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";
import { type JetstreamConnection, SharedTable } from "@parley/jetstream";
import type { LiveRecords } from "../identity/live-records.ts";

/** Options of {@link JetstreamRecords.open}. */
export interface JetstreamRecordsOptions<T> {
  /** Names the table: 1 to 16 characters of `a-z 0-9`. */
  readonly name: string;
  /** The key of a record. */
  keyOf(record: T): string;
}

/** Bytes of a key's hash. Keys are longer than a subject may be. */
const HASH_BYTES = 20;

/** Records in NATS JetStream, which every node has in memory. One of two nodes that change a record at once succeeds, and the other repeats it. */
export class JetstreamRecords<T extends JsonObject> implements LiveRecords<T> {
  readonly #keyOf: (record: T) => string;
  /** By hash of the key. */
  readonly #records = new Map<string, T>();
  #table!: SharedTable;
  #listener: ((key: string, record: T | undefined) => void) | undefined;

  private constructor({ keyOf }: JetstreamRecordsOptions<T>) {
    this.#keyOf = (record) => keyOf(record);
  }

  /**
   * Opens records on a connection, which stays open when they are closed.
   *
   * @throws JetstreamError `streams_unavailable`; StorageError `storage_failed`
   */
  static async open<T extends JsonObject>(
    connection: JetstreamConnection,
    options: JetstreamRecordsOptions<T>,
  ): Promise<JetstreamRecords<T>> {
    const records = new JetstreamRecords(options);
    records.#table = await SharedTable.open(
      connection,
      { name: options.name },
      { onEntry: ({ key, value }) => records.#take(key, value), onRemoved: (key) => records.#drop(key) },
    );
    return records;
  }

  load(): Iterable<T> {
    return [...this.#records.values()];
  }

  onChange(listener: (key: string, record: T | undefined) => void): void {
    this.#listener = listener;
  }

  async update(key: string, change: (present: T | undefined) => T | undefined): Promise<T | undefined> {
    const token = tokenOf(key);
    for (;;) {
      const present = this.#records.get(token);
      const revision = this.#table.revisionOf(token);
      const changed = change(present);
      if (changed === undefined || changed === present) return present;
      if (await this.#table.put(token, Buffer.from(JSON.stringify(changed)), "", revision)) return changed;
      await this.#table.catchUp();
    }
  }

  async remove(key: string): Promise<void> {
    await this.#table.remove(tokenOf(key));
  }

  /** Waits for the changes that other nodes have stored. @throws StorageError `storage_failed` */
  catchUp(): Promise<void> {
    return this.#table.catchUp();
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  #take(token: string, value: Uint8Array): void {
    const record = parse(value);
    if (record === undefined) return;
    this.#records.set(token, record as T);
    this.#listener?.(this.#keyOf(record as T), record as T);
  }

  #drop(token: string): void {
    const record = this.#records.get(token);
    if (record === undefined) return;
    this.#records.delete(token);
    this.#listener?.(this.#keyOf(record), undefined);
  }
}

function tokenOf(key: string): string {
  return createHash("sha256").update(key).digest().subarray(0, HASH_BYTES).toString("base64url");
}

function parse(value: Uint8Array): JsonObject | undefined {
  try {
    const record: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
    return isJsonObject(record) ? record : undefined;
  } catch {
    return undefined;
  }
}
