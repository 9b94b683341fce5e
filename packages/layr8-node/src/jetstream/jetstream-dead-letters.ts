import { randomBytes } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { type JetstreamConnection, SharedTable, type TableEntry } from "@parley/jetstream";
import { DeadLetterIndex } from "../dead-letters/dead-letter-index.ts";
import type { DeadLetterPage, DeadLetterStore, StoredDeadLetter } from "../dead-letters/dead-letter-store.ts";
import type { DeadLetter, NewDeadLetter } from "../dead-letters/dead-letter.ts";
import type { DeadLettersOptions } from "../dead-letters/dead-letters.ts";

const KEY_BYTES = 12;
const LENGTH_BYTES = 4;

/**
 * Dead letters in NATS JetStream, which several nodes share. Every node has them in memory, without plaintexts and the senders' credentials. The id of one is its
 * place in the stream. Nodes that add at the same moment may exceed limits a little.
 */
export class JetstreamDeadLetters implements DeadLetterStore {
  readonly #index: DeadLetterIndex;
  readonly #now: () => number;
  readonly #ids = new Map<string, number>();
  readonly #keys = new Map<number, string>();
  #table!: SharedTable;

  private constructor({ limits, now }: DeadLettersOptions) {
    this.#index = new DeadLetterIndex(limits);
    this.#now = now;
  }

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(connection: JetstreamConnection, options: DeadLettersOptions): Promise<JetstreamDeadLetters> {
    const letters = new JetstreamDeadLetters(options);
    letters.#table = await SharedTable.open(
      connection,
      { name: "deadletters", withoutValues: true },
      { onEntry: (entry) => letters.#take(entry), onRemoved: (key) => letters.#drop(key) },
    );
    return letters;
  }

  get size(): number {
    return this.#index.size;
  }

  count(did: string): number {
    return this.#index.count(did);
  }

  async add({ plaintext, senderCredentials, ...given }: NewDeadLetter): Promise<void> {
    const { length } = plaintext;
    if (!this.#index.accepts(length)) return;
    const note = encodeNote({ ...given, failedAt: this.#now(), length });
    await this.#table.put(randomBytes(KEY_BYTES).toString("base64url"), encodeValue(plaintext, senderCredentials), note);
    await Promise.all(this.#index.takeSurplus(given.did).map((id) => this.#remove(id)));
  }

  /** Stores a dead letter of a data directory as it is, unless an earlier import has. @throws StorageError `storage_failed` */
  async import({ letter: { id, senderCredentials, ...given }, plaintext }: StoredDeadLetter): Promise<void> {
    await this.#table.put(`import-${id}`, encodeValue(plaintext, senderCredentials), encodeNote(given), 0);
  }

  list(page: DeadLetterPage): readonly DeadLetter[] {
    return this.#index.list(page);
  }

  get(id: number): DeadLetter | undefined {
    return this.#index.get(id);
  }

  async read(id: number): Promise<StoredDeadLetter | undefined> {
    const letter = this.#index.get(id);
    const value = letter && (await this.#table.read(id));
    if (letter === undefined || value === undefined || value.length < LENGTH_BYTES) return undefined;
    const { plaintext, senderCredentials } = decodeValue(value);
    return { letter: { ...letter, ...(senderCredentials !== undefined && { senderCredentials }) }, plaintext };
  }

  async remove(id: number): Promise<boolean> {
    if (!this.#index.has(id)) return false;
    await this.#remove(id);
    return true;
  }

  async removeAgent(did: string): Promise<number> {
    const ids = this.#index.idsOf(did);
    await Promise.all(ids.map((id) => this.#remove(id)));
    return ids.length;
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  async #remove(id: number): Promise<void> {
    const key = this.#keys.get(id);
    if (key !== undefined) await this.#table.remove(key);
  }

  #take({ key, revision: id, note }: TableEntry): void {
    const about = parse(Buffer.from(note, "base64url").toString());
    if (typeof about["did"] !== "string" || typeof about["length"] !== "number") return;
    this.#ids.set(key, id);
    this.#keys.set(id, key);
    this.#index.add({ ...(about as Omit<DeadLetter, "id">), id });
  }

  #drop(key: string): void {
    const id = this.#ids.get(key);
    if (id === undefined) return;
    this.#ids.delete(key);
    this.#keys.delete(id);
    this.#index.delete(id);
  }
}

/** As a header of NATS can have it. */
function encodeNote(letter: Omit<DeadLetter, "id">): string {
  return Buffer.from(JSON.stringify(letter)).toString("base64url");
}

/** The bytes of the credentials, 0 for none, before both texts. */
function encodeValue(plaintext: string, senderCredentials = ""): Buffer {
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt32LE(Buffer.byteLength(senderCredentials));
  return Buffer.concat([head, Buffer.from(senderCredentials), Buffer.from(plaintext)]);
}

function decodeValue(value: Uint8Array): { readonly plaintext: string; readonly senderCredentials: string | undefined } {
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = LENGTH_BYTES + buffer.readUInt32LE();
  return { senderCredentials: buffer.toString("utf8", LENGTH_BYTES, end) || undefined, plaintext: buffer.toString("utf8", end) };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
