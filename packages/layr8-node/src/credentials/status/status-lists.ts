import { randomBytes, randomInt } from "node:crypto";
import type { Records } from "@parley/storage";
import { type LiveRecords, liveRecords } from "../../identity/live-records.ts";
import { CredentialError } from "../credential-error.ts";
import {
  BLOCK_ENTRIES,
  type CredentialState,
  entriesWith,
  hasBit,
  keyOfBlock,
  LIST_ENTRIES,
  type ListPurpose,
  type StatusBlock,
  withBit,
} from "./status-block.ts";

/** The place of a credential in a status list. */
export interface StatusPlace {
  /** Id of the list: 22 characters of base64url. */
  readonly list: string;
  readonly index: number;
}

/** Options of {@link StatusLists}. */
export interface StatusListsOptions {
  /** Live records are shared with other nodes. */
  readonly records: Records<StatusBlock> | LiveRecords<StatusBlock>;
  /** Lists of one issuer. Each is used by up to 98,304 credentials. */
  readonly maxPerIssuer: number;
}

/** A list in memory. */
interface StatusList {
  readonly issuer: string;
  readonly blocks: Map<number, StatusBlock>;
  allocated: number;
  /** Counts the changes of what is published. */
  version: number;
}

/** A list with more entries in use gets no new ones: a random entry is then free with a probability of at least a quarter. */
const MAX_ALLOCATED = LIST_ENTRIES * 0.75;
const ID_BYTES = 16;

/**
 * The status of the credentials that the issuers of a node have signed. Entries are allocated at random and never again, so that an index tells
 * neither the order nor the number of credentials. Each list is published twice: who is revoked, and who is suspended.
 */
export class StatusLists {
  readonly #records: LiveRecords<StatusBlock>;
  /** Whether storage reports every change, those of this node included. */
  readonly #isShared: boolean;
  readonly #maxPerIssuer: number;
  readonly #lists = new Map<string, StatusList>();
  readonly #byIssuer = new Map<string, Set<string>>();
  /** The list that an issuer's next credential belongs to. It may have no record yet. */
  readonly #open = new Map<string, string>();
  #listener: (list: string) => void = () => undefined;

  constructor({ records, maxPerIssuer }: StatusListsOptions) {
    this.#maxPerIssuer = maxPerIssuer;
    this.#isShared = "update" in records;
    this.#records = liveRecords(records, (key) => this.#find(key));
    for (const block of this.#records.load()) this.#take(block);
    this.#records.onChange((key, block) => (block === undefined ? this.#drop(key) : this.#take(block)));
  }

  /** Sets the listener for changes of published lists, by this node or another one. */
  onChanged(listener: (list: string) => void): void {
    this.#listener = listener;
  }

  /**
   * Allocates an entry for a new credential. Resolves when it is durable.
   *
   * @throws CredentialError `status_lists_full`; StorageError `storage_failed`
   */
  async allocate(issuer: string): Promise<StatusPlace> {
    for (;;) {
      const list = this.#openList(issuer);
      const index = randomInt(LIST_ENTRIES);
      const [block, entry] = [Math.floor(index / BLOCK_ENTRIES), index % BLOCK_ENTRIES];
      let isFree = false;
      await this.#update({ list, block }, (present) => {
        isFree = !hasBit(present, "allocated", entry);
        return isFree ? withBit(present ?? { list, block, issuer, allocated: "" }, "allocated", entry, true) : undefined;
      });
      if (isFree) return { list, index };
    }
  }

  /**
   * Changes the status of a credential. Resolves when the change is durable.
   *
   * @throws CredentialError `status_unknown` if the issuer has no credential there; `status_final` if it is revoked; StorageError `storage_failed`
   */
  async set(issuer: string, { list, index }: StatusPlace, state: CredentialState): Promise<void> {
    // Another node may have allocated the entry a moment ago.
    await this.#records.catchUp();
    const [block, entry] = [Math.floor(index / BLOCK_ENTRIES), index % BLOCK_ENTRIES];
    await this.#update({ list, block }, (present) => {
      if (present?.issuer !== issuer || !hasBit(present, "allocated", entry)) throw unknownStatus();
      const isRevoked = hasBit(present, "revoked", entry);
      if (isRevoked && state !== "revoked") throw new CredentialError("status_final", "The credential is revoked, which cannot be undone");
      if (state === "revoked") return isRevoked ? undefined : withBit(present, "revoked", entry, true);
      const suspends = state === "suspended";
      return hasBit(present, "suspended", entry) === suspends ? undefined : withBit(present, "suspended", entry, suspends);
    });
  }

  /** The issuer of a list, and a number that changes with what is published. `undefined` for an unknown list. */
  describe(list: string): { readonly issuer: string; readonly version: number } | undefined {
    return this.#lists.get(list);
  }

  /** The indexes that a published list has set. */
  *entries(list: string, purpose: ListPurpose): Generator<number> {
    const field = purpose === "revocation" ? "revoked" : "suspended";
    for (const block of this.#lists.get(list)?.blocks.values() ?? []) {
      if (block[field] === undefined) continue;
      for (const entry of entriesWith(block, field)) yield block.block * BLOCK_ENTRIES + entry;
    }
  }

  /** Number of lists. */
  get size(): number {
    return this.#lists.size;
  }

  /** Removes the lists of an issuer whose DID was removed. @throws StorageError `storage_failed` */
  async forget(issuer: string): Promise<void> {
    this.#open.delete(issuer);
    const blocks = [...(this.#byIssuer.get(issuer) ?? [])].flatMap((list) => [...(this.#lists.get(list)?.blocks.values() ?? [])]);
    for (const block of blocks) this.#drop(keyOfBlock(block));
    await Promise.all(blocks.map((block) => this.#records.remove(keyOfBlock(block))));
  }

  /** Removes the lists of issuers that are not hosted. Called when the node starts. @throws StorageError `storage_failed` */
  async retain(isHosted: (did: string) => boolean): Promise<void> {
    for (const issuer of this.#byIssuer.keys()) if (!isHosted(issuer)) await this.forget(issuer);
  }

  /** The list for an issuer's next credential: the emptiest, or a new one. Concurrent calls get the same one. */
  #openList(issuer: string): string {
    const open = this.#open.get(issuer);
    if (open !== undefined && (this.#lists.get(open)?.allocated ?? 0) < MAX_ALLOCATED) return open;
    const lists = [...(this.#byIssuer.get(issuer) ?? [])];
    const [emptiest] = lists.toSorted((one, other) => this.#allocated(one) - this.#allocated(other));
    const list = emptiest !== undefined && this.#allocated(emptiest) < MAX_ALLOCATED ? emptiest : this.#createList(lists.length);
    this.#open.set(issuer, list);
    return list;
  }

  #createList(count: number): string {
    if (count >= this.#maxPerIssuer) {
      throw new CredentialError("status_lists_full", `The status lists of this issuer, at most ${this.#maxPerIssuer}, are full`);
    }
    return randomBytes(ID_BYTES).toString("base64url");
  }

  #allocated(list: string): number {
    return this.#lists.get(list)?.allocated ?? 0;
  }

  /** Changes a block. Without other nodes it changes in memory at once, so that the next change builds on it, and then in storage. */
  async #update(
    place: Pick<StatusBlock, "list" | "block">,
    change: (present: StatusBlock | undefined) => StatusBlock | undefined,
  ): Promise<void> {
    await this.#records.update(keyOfBlock(place), (present) => {
      const changed = change(present);
      if (changed !== undefined && !this.#isShared) this.#take(changed);
      return changed;
    });
  }

  #find(key: string): StatusBlock | undefined {
    const [list = "", block] = key.split("/");
    return this.#lists.get(list)?.blocks.get(Number(block));
  }

  #take(block: StatusBlock): void {
    const list = this.#lists.get(block.list) ?? { issuer: block.issuer, blocks: new Map<number, StatusBlock>(), allocated: 0, version: 0 };
    this.#lists.set(block.list, list);
    const lists = this.#byIssuer.get(block.issuer) ?? new Set();
    this.#byIssuer.set(block.issuer, lists.add(block.list));
    const before = list.blocks.get(block.block);
    list.blocks.set(block.block, block);
    list.allocated += countOf(block) - countOf(before);
    if (before?.revoked === block.revoked && before?.suspended === block.suspended) return;
    list.version += 1;
    this.#listener(block.list);
  }

  #drop(key: string): void {
    const block = this.#find(key);
    const list = block && this.#lists.get(block.list);
    if (block === undefined || list === undefined) return;
    list.blocks.delete(block.block);
    list.allocated -= countOf(block);
    if (list.blocks.size > 0) return;
    this.#lists.delete(block.list);
    const lists = this.#byIssuer.get(block.issuer);
    lists?.delete(block.list);
    if (lists?.size === 0) this.#byIssuer.delete(block.issuer);
    if (this.#open.get(block.issuer) === block.list) this.#open.delete(block.issuer);
    this.#listener(block.list);
  }
}

/** The error for a status that this node does not manage for the issuer. */
export function unknownStatus(): CredentialError {
  return new CredentialError("status_unknown", "This node has no status list of the issuer with this credential");
}

function countOf(block: StatusBlock | undefined): number {
  return block === undefined ? 0 : entriesWith(block, "allocated").length;
}
