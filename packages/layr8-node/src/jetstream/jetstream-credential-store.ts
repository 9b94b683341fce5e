import { createHash, randomUUID } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { ensureStreams, type JetstreamConnection, publish, type StreamMessage, StreamReader } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import { CredentialError } from "../credentials/credential-error.ts";
import {
  type CredentialPage,
  type CredentialStore,
  type ListOptions,
  MAX_PAGE_LENGTH,
  type StoredCredential,
} from "../credentials/credential-store.ts";
import { pageOf } from "../credentials/page.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Bytes of a holder's hash. DIDs are longer than a subject may be. */
const HASH_BYTES = 20;
/** Removals of one call that run at the same time. */
const PARALLEL = 32;

/**
 * Credentials in NATS JetStream, which any number of nodes store and read. A credential is a message of its holder's subjects, and its stream
 * sequence is the cursor of a page. A message for each id names the holder. Nodes that store for one holder at the same moment may exceed the
 * limit of credentials a little.
 */
export class JetstreamCredentialStore implements CredentialStore {
  readonly #connection: JetstreamConnection;
  readonly #maxPerHolder: number;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #reader: StreamReader;
  /** Pending writes by hash of the holder. */
  readonly #adding = new Map<string, Set<Promise<unknown>>>();
  /** Pending removals by id. */
  readonly #removing = new Map<string, Promise<boolean>>();

  private constructor(connection: JetstreamConnection, maxPerHolder: number) {
    this.#connection = connection;
    this.#maxPerHolder = maxPerHolder;
    this.#stream = `${connection.prefix}_credentials`.toUpperCase();
    this.#prefix = `${connection.prefix}.credentials`;
    this.#reader = new StreamReader(connection, this.#stream);
  }

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(connection: JetstreamConnection, maxPerHolder: number): Promise<JetstreamCredentialStore> {
    const store = new JetstreamCredentialStore(connection, maxPerHolder);
    const subjects = [store.#subjectOf("*", "*"), store.#holderSubject("*")];
    await ensureStreams(connection, [{ name: store.#stream, subjects, max_msgs_per_subject: 1 }]);
    return store;
  }

  async add(credential: Omit<StoredCredential, "id">): Promise<StoredCredential> {
    const holder = hashOf(credential.holderDid);
    const adding = this.#adding.get(holder) ?? new Set();
    this.#adding.set(holder, adding);
    const storing = this.#storeAfter([...adding], holder, credential);
    adding.add(storing);
    try {
      return await storing;
    } finally {
      adding.delete(storing);
      if (adding.size === 0) this.#adding.delete(holder);
    }
  }

  /** Stores a credential under the id that it has, after all others of its holder. */
  async import(stored: StoredCredential): Promise<void> {
    const holder = hashOf(stored.holderDid);
    // The holder first: an id whose credential is missing is unknown.
    await this.#publish(this.#holderSubject(stored.id), Buffer.from(holder));
    await this.#publish(this.#subjectOf(holder, stored.id), Buffer.from(JSON.stringify(stored)));
  }

  async get(id: string): Promise<StoredCredential | undefined> {
    if (!UUID.test(id)) return undefined;
    return reading(async () => {
      const holder = await this.#holderOf(id);
      const found = holder === undefined ? undefined : await this.#reader.last(this.#subjectOf(holder, id));
      return found && credentialOf(found);
    });
  }

  list(holderDid: string, { limit, after = 0 }: ListOptions): Promise<CredentialPage> {
    return reading(async () => {
      const entries: { seq: number; credential: StoredCredential }[] = [];
      const subject = this.#subjectOf(hashOf(holderDid), "*");
      let length = 0;
      // One more than fits: it shows whether another page follows.
      for (let last = after; entries.length <= limit;) {
        const found = await this.#reader.next(subject, last);
        if (found === undefined) break;
        last = found.seq;
        const credential = credentialOf(found);
        if (credential === undefined) continue;
        entries.push({ seq: found.seq, credential });
        if (length >= MAX_PAGE_LENGTH) break;
        length += credential.signed.length;
      }
      return pageOf(entries, limit);
    });
  }

  async remove(id: string): Promise<boolean> {
    if (!UUID.test(id)) return false;
    const pending = this.#removing.get(id);
    if (pending !== undefined) {
      await pending;
      return false;
    }
    const removing = reading(() => this.#remove(id));
    this.#removing.set(id, removing);
    try {
      return await removing;
    } finally {
      this.#removing.delete(id);
    }
  }

  async removeHolder(holderDid: string): Promise<void> {
    const holder = hashOf(holderDid);
    const adding = this.#adding.get(holder);
    if (adding !== undefined) await Promise.allSettled(adding);
    await reading(async () => {
      const ids = await this.#idsOf(holder);
      await this.#purge(this.#subjectOf(holder, "*"));
      for (let start = 0; start < ids.length; start += PARALLEL) {
        await Promise.all(ids.slice(start, start + PARALLEL).map((id) => this.#purge(this.#holderSubject(id))));
      }
    });
  }

  /** Waits for the credentials that are being stored, so that they count. */
  async #storeAfter(
    ahead: readonly Promise<unknown>[],
    holder: string,
    credential: Omit<StoredCredential, "id">,
  ): Promise<StoredCredential> {
    await Promise.allSettled(ahead);
    const ids = await reading(() => this.#idsOf(holder));
    if (ids.length >= this.#maxPerHolder) throw new CredentialError("wallet_full", `A holder may store ${this.#maxPerHolder} credentials`);
    const stored: StoredCredential = { id: randomUUID(), ...credential };
    await this.import(stored);
    return stored;
  }

  async #remove(id: string): Promise<boolean> {
    const holder = await this.#holderOf(id);
    if (holder === undefined) return false;
    const found = await this.#purge(this.#subjectOf(holder, id));
    await this.#purge(this.#holderSubject(id));
    return found > 0;
  }

  async #holderOf(id: string): Promise<string | undefined> {
    const found = await this.#reader.last(this.#holderSubject(id));
    return found?.body === undefined ? undefined : Buffer.from(found.body).toString();
  }

  async #idsOf(holder: string): Promise<readonly string[]> {
    const query = { subjects_filter: this.#subjectOf(holder, "*") };
    const { state } = await this.#connection.retry(this.#stream, () => this.#connection.jsm.streams.info(this.#stream, query));
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(subject.lastIndexOf(".") + 1));
  }

  async #purge(filter: string): Promise<number> {
    const { purged } = await this.#connection.retry(this.#stream, () => this.#connection.jsm.streams.purge(this.#stream, { filter }));
    return purged;
  }

  async #publish(subject: string, body: Uint8Array): Promise<void> {
    await publish(this.#connection, body, { stream: this.#stream, subject });
  }

  #subjectOf(holder: string, id: string): string {
    return `${this.#prefix}.of.${holder}.${id}`;
  }

  #holderSubject(id: string): string {
    return `${this.#prefix}.holder.${id}`;
  }
}

function hashOf(holderDid: string): string {
  return createHash("sha256").update(holderDid).digest().subarray(0, HASH_BYTES).toString("base64url");
}

function credentialOf({ body = new Uint8Array() }: StreamMessage): StoredCredential | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    return isJsonObject(value) ? (value as unknown as StoredCredential) : undefined;
  } catch {
    return undefined;
  }
}

/** Converts errors of NATS to rejections with a StorageError. */
async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError("storage_failed", "Credentials can't be read", { cause: error });
  }
}
