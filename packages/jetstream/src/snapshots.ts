import { isJsonObject } from "@parley/core";
import { StorageError } from "@parley/storage";
import type { JetstreamConnection } from "./connection.ts";
import { asStorageError } from "./failures.ts";
import { StreamReader } from "./stream-reader.ts";
import { ensureStreams } from "./streams.ts";

/** A state that was written as a whole. */
export interface Snapshot {
  /** The number that its writer gave it, such as the number of the next entry of a log. */
  readonly label: number;
  readonly chunks: readonly Uint8Array[];
}

/** A reader meets a snapshot that is being replaced, at most this often in a row. */
const ATTEMPTS = 5;

/** The latest snapshot of a state that is larger than a message. A newer one replaces it once it is complete. */
export class Snapshots {
  readonly #connection: JetstreamConnection;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #reader: StreamReader;

  private constructor(connection: JetstreamConnection, name: string) {
    this.#connection = connection;
    this.#stream = `${connection.prefix}_${name}`.toUpperCase();
    this.#prefix = `${connection.prefix}.${name}.`;
    this.#reader = new StreamReader(connection, this.#stream);
  }

  /** @param name names the stream and its subjects: 1 to 16 characters of `a-z 0-9`. @throws JetstreamError `streams_unavailable` */
  static async open(connection: JetstreamConnection, name: string): Promise<Snapshots> {
    const snapshots = new Snapshots(connection, name);
    await ensureStreams(connection, [{ name: snapshots.#stream, subjects: [`${snapshots.#prefix}>`], max_msgs_per_subject: 1 }]);
    return snapshots;
  }

  /**
   * Writes a snapshot, and removes all others. One server at a time: the caller holds a lease.
   *
   * @throws StorageError `storage_failed`
   */
  async write({ label, chunks }: Snapshot): Promise<void> {
    try {
      for (const [index, chunk] of chunks.entries()) await this.#publish(`${label}.${index}`, chunk);
      await this.#publish("index", Buffer.from(JSON.stringify({ label, count: chunks.length })));
      await this.#removeOthers(label);
    } catch (error) {
      throw asStorageError("A snapshot cannot be written", error);
    }
  }

  /** The latest snapshot. @throws StorageError `storage_failed` */
  async read(): Promise<Snapshot | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const index = await this.#last("index");
      if (index === undefined) return undefined;
      const { label, count } = readIndex(index);
      const chunks: Uint8Array[] = [];
      for (let chunk = await this.#last(`${label}.0`); chunk !== undefined; chunk = await this.#last(`${label}.${chunks.length}`)) {
        chunks.push(chunk);
      }
      if (chunks.length === count) return { label, chunks };
    }
    throw new StorageError("storage_failed", `The snapshot in the stream ${this.#stream} is incomplete`);
  }

  async #publish(subject: string, body: Uint8Array): Promise<void> {
    const placement = { stream: this.#stream };
    await this.#connection.retry(this.#stream, () => this.#connection.publish(this.#prefix + subject, body, placement));
  }

  async #last(subject: string): Promise<Uint8Array | undefined> {
    try {
      return (await this.#reader.last(this.#prefix + subject))?.body;
    } catch (error) {
      throw asStorageError("A snapshot cannot be read", error);
    }
  }

  async #removeOthers(label: number): Promise<void> {
    const { jsm } = this.#connection;
    const query = { subjects_filter: `${this.#prefix}>` };
    const { state } = await this.#connection.retry(this.#stream, () => jsm.streams.info(this.#stream, query));
    const labels = Object.keys(state.subjects ?? {}).map((subject) => subject.slice(this.#prefix.length).split(".")[0]);
    for (const other of new Set(labels)) {
      if (other === undefined || other === "index" || other === String(label)) continue;
      await this.#connection.retry(this.#stream, () => jsm.streams.purge(this.#stream, { filter: `${this.#prefix}${other}.>` }));
    }
  }
}

function readIndex(body: Uint8Array): { readonly label: number; readonly count: number } {
  const index: unknown = JSON.parse(Buffer.from(body).toString());
  const { label, count } = isJsonObject(index) ? index : {};
  if (typeof label === "number" && typeof count === "number") return { label, count };
  throw new StorageError("record_damaged", "The index of a snapshot is damaged");
}
