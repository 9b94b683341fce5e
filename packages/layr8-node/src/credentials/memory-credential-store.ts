import { randomUUID } from "node:crypto";
import { CredentialError } from "./credential-error.ts";
import type { CredentialPage, CredentialStore, ListOptions, StoredCredential } from "./credential-store.ts";
import { pageOf } from "./page.ts";

interface Entry {
  readonly seq: number;
  readonly credential: StoredCredential;
}

/** Stores credentials in memory. */
export class MemoryCredentialStore implements CredentialStore {
  readonly #maxPerHolder: number;
  readonly #byId = new Map<string, Entry>();
  /** By holder, then by id, in storing order. */
  readonly #byHolder = new Map<string, Map<string, Entry>>();
  #lastSeq = 0;

  constructor(maxPerHolder: number) {
    this.#maxPerHolder = maxPerHolder;
  }

  add(credential: Omit<StoredCredential, "id">): Promise<StoredCredential> {
    const held = this.#byHolder.get(credential.holderDid) ?? new Map<string, Entry>();
    if (held.size >= this.#maxPerHolder) return Promise.reject(walletFull(this.#maxPerHolder));
    const entry = { seq: ++this.#lastSeq, credential: { id: randomUUID(), ...credential } };
    held.set(entry.credential.id, entry);
    this.#byHolder.set(credential.holderDid, held);
    this.#byId.set(entry.credential.id, entry);
    return Promise.resolve(entry.credential);
  }

  get(id: string): StoredCredential | undefined {
    return this.#byId.get(id)?.credential;
  }

  list(holderDid: string, { limit, after = -1 }: ListOptions): CredentialPage {
    return pageOf(this.#after(holderDid, after), limit);
  }

  remove(id: string): Promise<boolean> {
    const entry = this.#byId.get(id);
    if (entry === undefined) return Promise.resolve(false);
    const { holderDid } = entry.credential;
    const held = this.#byHolder.get(holderDid);
    held?.delete(id);
    if (held?.size === 0) this.#byHolder.delete(holderDid);
    return Promise.resolve(this.#byId.delete(id));
  }

  removeHolder(holderDid: string): Promise<void> {
    for (const id of this.#byHolder.get(holderDid)?.keys() ?? []) this.#byId.delete(id);
    this.#byHolder.delete(holderDid);
    return Promise.resolve();
  }

  /** Entries after a cursor, without copying. */
  *#after(holderDid: string, after: number): Generator<Entry> {
    for (const entry of this.#byHolder.get(holderDid)?.values() ?? []) if (entry.seq > after) yield entry;
  }
}

/** The error when a holder's limit is reached. */
export function walletFull(maxPerHolder: number): CredentialError {
  return new CredentialError("wallet_full", `A holder may store ${maxPerHolder} credentials`);
}
