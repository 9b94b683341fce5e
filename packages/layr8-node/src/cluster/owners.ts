import { createHash } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { type JetstreamConnection, type Members, SharedTable } from "@parley/jetstream";

/** Which node delivers the messages of a DID that has connections. */
export interface OwnerEntry {
  readonly did: string;
  /** Id of the node among the members; each start of a node has another one. */
  readonly node: string;
  /** Protocols that the DID's agents have bound. */
  readonly protocols: readonly string[];
  /** Grows with every change. */
  readonly revision: number;
}

/** Options of {@link Owners.open}. */
export interface OwnersOptions {
  readonly members: Pick<Members, "id" | "has">;
  /** The entry of a DID has changed; `undefined`: it has no owner. */
  readonly onChange: (did: string, entry: OwnerEntry | undefined) => void;
}

const NAME = "owners";
/** Bytes of a DID's hash. DIDs are longer than a subject may be. */
const HASH_BYTES = 20;

/**
 * The owners of all DIDs with connections, which every node has in memory. A node writes an entry only if it has not changed since it was read. An entry is
 * valid while its node runs.
 */
export class Owners {
  readonly #options: OwnersOptions;
  /** By hash of the DID. */
  readonly #entries = new Map<string, OwnerEntry>();
  #table!: SharedTable;

  private constructor(options: OwnersOptions) {
    this.#options = options;
  }

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(connection: JetstreamConnection, options: OwnersOptions): Promise<Owners> {
    const owners = new Owners(options);
    owners.#table = await SharedTable.open(
      connection,
      { name: NAME },
      { onEntry: ({ key, revision, value }) => owners.#take(key, revision, value), onRemoved: (key) => owners.#drop(key) },
    );
    return owners;
  }

  /** The entry of a DID whose owner runs. */
  find(did: string): OwnerEntry | undefined {
    const entry = this.#entries.get(tokenOf(did));
    return entry !== undefined && this.#options.members.has(entry.node) ? entry : undefined;
  }

  /** Waits for changes that other nodes have stored. @throws StorageError `storage_failed` */
  catchUp(): Promise<void> {
    return this.#table.catchUp();
  }

  /**
   * Makes a node the owner, or changes its protocols, if the entry is still the one that is known here.
   *
   * @returns its entry; `undefined` if another node has changed it.
   * @throws StorageError `storage_failed`
   */
  async write(did: string, node: string, protocols: readonly string[]): Promise<OwnerEntry | undefined> {
    const token = tokenOf(did);
    const value = Buffer.from(JSON.stringify({ did, node, protocols }));
    // After an outage, a write that was repeated may have succeeded without saying so.
    if (!(await this.#table.put(token, value, "", this.#table.revisionOf(token)))) await this.#table.catchUp();
    const entry = this.#entries.get(token);
    return entry?.node === node ? entry : undefined;
  }

  /** Removes the entry of a DID, if it is still the one that is known here. @throws StorageError `storage_failed` */
  async remove(did: string): Promise<void> {
    const token = tokenOf(did);
    if (!this.#entries.has(token)) return;
    await this.#table.remove(token, this.#table.revisionOf(token));
  }

  /** DIDs of this node, and, if `ofEnded`, those of nodes that have ended. */
  *assigned(ofEnded: boolean): Generator<string> {
    const { members } = this.#options;
    for (const { did, node } of this.#entries.values()) if (node === members.id || (ofEnded && !members.has(node))) yield did;
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  #take(token: string, revision: number, value: Uint8Array): void {
    const read = parse(value);
    if (read === undefined) return this.#drop(token);
    const entry = { ...read, revision };
    this.#entries.set(token, entry);
    this.#options.onChange(entry.did, entry);
  }

  #drop(token: string): void {
    const entry = this.#entries.get(token);
    if (entry === undefined) return;
    this.#entries.delete(token);
    this.#options.onChange(entry.did, undefined);
  }
}

function tokenOf(did: string): string {
  return createHash("sha256").update(did).digest().subarray(0, HASH_BYTES).toString("base64url");
}

function parse(value: Uint8Array): Omit<OwnerEntry, "revision"> | undefined {
  try {
    const entry: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
    if (!isJsonObject(entry)) return undefined;
    const { did, node, protocols } = entry;
    if (typeof did !== "string" || typeof node !== "string" || !Array.isArray(protocols)) return undefined;
    return { did, node, protocols: protocols.filter((protocol) => typeof protocol === "string") };
  } catch {
    return undefined;
  }
}
