import { randomBytes } from "node:crypto";
import type { JetstreamConnection } from "./connection.ts";
import { API, asStorageError, hasApiCode } from "./failures.ts";
import { decodeHead, encodeRecord } from "./record.ts";
import type { LogPlace } from "./shared-log.ts";
import { StreamReader } from "./stream-reader.ts";

/** Entries of a log that existed elsewhere. */
export interface ImportedRecord {
  /** Number of its first entry. */
  readonly first: number;
  /** When it was recorded, in milliseconds since 1970. */
  readonly at: number;
  readonly entries: readonly Uint8Array[];
  readonly head: Uint8Array;
}

const ID_BYTES = 9;
/** What the first record of a log names as its predecessor if the numbers before it are missing: one that was purged. */
const PURGED = 1;

/**
 * Writes a log that existed elsewhere under the same numbers, while no server has it open. An import that was interrupted continues where it
 * ended.
 */
export class LogImport {
  readonly #connection: JetstreamConnection;
  readonly #place: LogPlace;
  readonly #reader: StreamReader;
  #last = 0;
  #next: number | undefined;

  private constructor(connection: JetstreamConnection, place: LogPlace) {
    this.#connection = connection;
    this.#place = place;
    this.#reader = new StreamReader(connection, place.stream);
  }

  /** @throws StorageError `storage_failed` */
  static async open(connection: JetstreamConnection, place: LogPlace): Promise<LogImport> {
    const log = new LogImport(connection, place);
    await log.#readOn();
    return log;
  }

  /** Number of the next entry; `undefined` if the log has no record yet. */
  get next(): number | undefined {
    return this.#next;
  }

  /**
   * Appends a record.
   *
   * @param state what the application must know of the time before the first record; see `LogApplication.restore`.
   * @throws TypeError if it does not continue the numbers; StorageError `storage_failed`
   */
  async append({ first, at, entries, head }: ImportedRecord, state: Uint8Array): Promise<void> {
    if (this.#next !== undefined && this.#next !== first)
      throw new TypeError(`The record must begin with number ${this.#next}, not ${first}`);
    const follows = first + entries.length;
    const isBase = this.#next === undefined && first > 1;
    const record = { first, prev: isBase ? PURGED : this.#last, at, id: randomBytes(ID_BYTES).toString("base64url"), entries, head };
    const { headers, body } = encodeRecord(isBase ? { ...record, state } : record);
    const { stream, subject } = this.#place;
    const placement = { stream, headers, expected: this.#last };
    try {
      await this.#connection.retry(stream, () => this.#connection.publish(subject, body, placement));
    } catch (error) {
      // An attempt whose acknowledgement was lost may have stored it.
      if (!hasApiCode(error, API.wrongLastSequence)) throw asStorageError("A record cannot be imported", error);
    }
    await this.#readOn();
    if (this.#next !== follows) throw new TypeError("Another server writes to the log: stop all servers, and import again");
  }

  async #readOn(): Promise<void> {
    try {
      const last = await this.#reader.last(this.#place.subject);
      const head = decodeHead(last?.headers);
      this.#last = last?.seq ?? 0;
      this.#next = head === undefined ? undefined : head.first + head.count;
    } catch (error) {
      throw asStorageError("A log cannot be read", error);
    }
  }
}
