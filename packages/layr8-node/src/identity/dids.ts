import { randomBytes, type KeyObject } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { deferred, TimeSlice } from "@parley/core/internal";
import { canonicalDid, isDid } from "@parley/did";
import type { SealingKey } from "@parley/storage";
import { assertMayEnd, mayActFor } from "./access.ts";
import { mayBind, type ApiKey } from "./api-keys.ts";
import { isSame, mayFollow, type AgentKeys, type PresentedKeys } from "./agent-keys.ts";
import { agentDocument, didDocument } from "./did-document.ts";
import { generateKeys, privateKeyOf, publicJwk, resealKeys, type KeyPurpose, type StoredKeys } from "./did-keys.ts";
import type { DidsOptions, EnsureOptions } from "./dids-options.ts";
import { didWebOf, hostsOf } from "./did-web-path.ts";
import { hostedDidOf, withAgentKeys, withMediator, type DidRecord, type DidStorage, type HostedDid } from "./hosted-did.ts";
import { checkJoinKeys, type JoinKeysResult } from "./join-keys.ts";
import { ephemeralNotAllowed, IdentityError, notAllowed, reasonOf } from "./identity-error.ts";
import { type LiveRecords, liveRecords } from "./live-records.ts";
import { hostnameOf, similarDid } from "./similar-did.ts";

/** Maximum number of DIDs searched for one similar to a mistyped one. */
const MAX_SEARCHED = 20_000;

/** The DIDs that a node hosts, their owners and their keys. */
export class Dids {
  readonly #records: LiveRecords<DidRecord>;
  #nodeKey: SealingKey;
  /** A rotation of the node key that is under way. */
  #rotating: Promise<void> | undefined;
  readonly #maxPerKey: number;
  readonly #touchEveryMs: number;
  readonly #now: () => number;
  readonly #dids = new Map<string, DidRecord>();
  readonly #owned = new Map<string, number>();
  readonly #creating = new Map<string, Promise<unknown>>();
  readonly #generating = new Map<string, Promise<StoredKeys | undefined>>();

  /**
   * Loads the records. Ephemeral DIDs count as seen now, because their agents could not connect while the node was down.
   *
   * @throws StorageError `data_dir_unusable` when the node key isn't the one that the records' keys are encrypted under.
   */
  constructor({ records, nodeKey, maxPerKey = 100_000, touchEveryMs = 60_000, now = Date.now }: DidsOptions) {
    this.#records = liveRecords(records, (did) => this.#dids.get(did));
    this.#nodeKey = nodeKey;
    this.#maxPerKey = maxPerKey;
    this.#touchEveryMs = touchEveryMs;
    this.#now = now;
    const openedAt = now();
    let checked = false;
    for (const record of records.load()) {
      if (record.keys !== undefined && !checked) {
        privateKeyOf(record.did, "signing", record.keys.signing, nodeKey);
        checked = true;
      }
      this.#set({ ...record, lastSeenAt: record.storage === "ephemeral" ? openedAt : record.lastSeenAt });
    }
    this.#records.onChange((did, record) => {
      if (record === undefined) this.#delete(did);
      else this.#set({ ...record, lastSeenAt: Math.max(record.lastSeenAt, this.#dids.get(did)?.lastSeenAt ?? 0) });
    });
  }

  has(did: string): boolean {
    return this.#dids.has(did);
  }

  /** All hosted DIDs. */
  *all(): Generator<HostedDid> {
    for (const record of this.#dids.values()) yield hostedDidOf(record);
  }

  /** The API key that created a DID. */
  ownerOf(did: string): string | undefined {
    return this.#dids.get(did)?.ownerKeyId;
  }

  get(did: string): HostedDid | undefined {
    const record = this.#dids.get(did);
    return record === undefined ? undefined : hostedDidOf(record);
  }

  /**
   * The persistent hosted DID of the given hosts that is most similar to a mistyped one.
   *
   * @param hostnames hosts without their ports.
   */
  similar(did: string, hostnames: ReadonlySet<string>): string | undefined {
    return similarDid(did, this.#persistentOf(hostnames));
  }

  *#persistentOf(hostnames: ReadonlySet<string>): Generator<string> {
    let count = 0;
    for (const { did, storage } of this.#dids.values()) {
      if (++count > MAX_SEARCHED) return;
      if (storage === "persistent" && hostnames.has(hostnameOf(did) ?? "")) yield did;
    }
  }

  /** Whether an API key may act for a DID, hosted or not. See {@link mayActFor}. */
  permits(apiKey: ApiKey, did: string): boolean {
    return mayActFor(apiKey, did, this.#dids.get(did));
  }

  /**
   * Ensures that an API key may act for a DID ({@link mayActFor}), and that the node hosts it. To make an ephemeral DID persistent, the
   * key's rule must cover it. Only the key that created a DID can make it ephemeral, if it may have ephemeral DIDs, and only while no
   * messages or credentials of the DID are stored: they would be lost when it expires.
   *
   * @throws IdentityError `did_invalid`, `did_not_allowed`, `did_unknown` (mode `Require`), `ephemeral_not_allowed`, `did_in_use`,
   *   `too_many_dids`; StorageError `storage_failed`.
   */
  async ensure(
    did: string,
    { mode, storage, owner, agentKeys, holdsAnything = () => Promise.resolve(true) }: EnsureOptions,
  ): Promise<HostedDid> {
    const canonical = canonicalDid(did);
    if (canonical === undefined) throw new IdentityError("did_invalid", "This is not a DID");
    if (canonical !== did) throw new IdentityError("did_invalid", `This DID has another spelling. Write it ${canonical}`);
    const creating = this.#creating.get(did);
    if (creating !== undefined) await creating;
    const found = this.#dids.get(did);
    const wanted = found === undefined || mode === "Update" ? (storage ?? found?.storage ?? "persistent") : found.storage;
    if (!mayActFor(owner, did, found) || (found?.storage !== wanted && !mayBind(owner, did))) throw notAllowed();
    if (found === undefined) {
      if (mode === "Require") throw new IdentityError("did_unknown", "The node does not host this DID");
      return this.#create(did, wanted, owner, agentKeys);
    }
    if (found.storage !== wanted) {
      if (wanted === "ephemeral") await assertMayEnd(found, owner, holdsAnything);
      await this.#change(did, (present) => ({ ...present, storage: wanted, lastSeenAt: this.#now() }));
    } else {
      this.touch(did);
    }
    return hostedDidOf(this.#dids.get(did) ?? found);
  }

  /**
   * Assigns a new DID, `did:web:<domain>:ephemeral:<128 random bits>`, or below `agents` when it is to be persistent.
   *
   * @param domain as written in a did:web DID: `node.example`, `localhost%3A4000`.
   * @throws IdentityError `ephemeral_not_allowed`, `did_not_allowed` (a persistent DID outside the key's rule), `too_many_dids`.
   * @throws StorageError `storage_failed`
   */
  async assign(domain: string, owner: ApiKey, storage: DidStorage = "ephemeral"): Promise<HostedDid> {
    const did = `did:web:${domain}:${storage === "ephemeral" ? "ephemeral" : "agents"}:${randomBytes(16).toString("hex")}`;
    if (!isDid(did)) throw new TypeError(`${domain} is not a domain of a did:web DID`);
    if (storage === "persistent" && !mayBind(owner, did)) throw notAllowed();
    return this.#create(did, storage, owner);
  }

  /**
   * Handles a join: {@link ensure} for a requested DID, {@link assign} otherwise. Rejections are returned as reasons for the wire.
   *
   * @throws StorageError `storage_failed`
   */
  async admit(
    owner: ApiKey,
    request: Pick<EnsureOptions, "mode" | "storage" | "agentKeys"> & { readonly did?: string },
    domain: string,
    holdsAnything?: (did: string) => Promise<boolean>,
  ): Promise<{ readonly ok: true; readonly did: string } | { readonly ok: false; readonly reason: string }> {
    const { did, mode, storage, agentKeys } = request;
    try {
      const options = {
        mode,
        owner,
        agentKeys,
        ...(holdsAnything !== undefined && { holdsAnything }),
        ...(storage !== undefined && { storage }),
      };
      return { ok: true, did: (did === undefined ? await this.assign(domain, owner, storage) : await this.ensure(did, options)).did };
    } catch (error) {
      if (error instanceof IdentityError) return { ok: false, reason: reasonOf(error.code, did) };
      throw error;
    }
  }

  /** Records that a DID is in use. */
  touch(did: string): void {
    const record = this.#dids.get(did);
    if (record === undefined) return;
    const touched = { ...record, lastSeenAt: this.#now() };
    this.#dids.set(did, touched);
    // If the write fails, the time is slightly older after a restart, which is harmless.
    if (touched.lastSeenAt - record.lastSeenAt < this.#touchEveryMs) return;
    const { lastSeenAt } = touched;
    this.#records.update(did, (present) => present && { ...present, lastSeenAt }).catch(() => undefined);
  }

  /** Notes in memory that ephemeral DIDs last seen before a time are in use: each node that shares its DIDs may have to remove them later. */
  async see(before: number, isInUse: (did: string) => boolean): Promise<void> {
    const slice = new TimeSlice();
    for (const [did, record] of this.#dids) {
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
      if (record.storage !== "ephemeral" || record.lastSeenAt >= before || !isInUse(did)) continue;
      if (this.#dids.get(did) === record) this.#dids.set(did, { ...record, lastSeenAt: this.#now() });
    }
  }

  /**
   * Removes ephemeral DIDs that were last seen before a time and are not in use, and yields each of them. Yields to the event loop in
   * between.
   *
   * @throws StorageError `storage_failed`
   */
  async *expire(before: number, isInUse: (did: string) => boolean): AsyncGenerator<string, void, undefined> {
    const removing: Promise<void>[] = [];
    const slice = new TimeSlice();
    for (const did of this.#dids.keys()) {
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
      const record = this.#dids.get(did);
      if (record?.storage !== "ephemeral" || record.lastSeenAt >= before || this.#creating.has(did) || isInUse(did)) continue;
      this.#delete(did);
      const removed = this.#records.remove(did);
      // Its rejection is thrown at the end.
      removed.catch(() => undefined);
      removing.push(removed);
      yield did;
    }
    await Promise.all(removing);
  }

  /**
   * Removes a DID with its keys. Resolves when the removal is durable, to `false` if the node doesn't host it.
   *
   * @throws StorageError `storage_failed`: the DID is still hosted.
   */
  async remove(did: string): Promise<boolean> {
    await this.#creating.get(did)?.catch(() => undefined);
    const record = this.#dids.get(did);
    if (record === undefined) return false;
    this.#delete(did);
    try {
      await this.#records.remove(did);
    } catch (error) {
      if (!this.#dids.has(did)) this.#set(record);
      throw error;
    }
    return true;
  }

  /**
   * Encrypts all private keys with another node key, in one commit. Keys that are being created are waited for; later ones wait.
   *
   * @throws StorageError `data_dir_unusable` (a key can't be decrypted), `storage_failed`: all keys are encrypted as before.
   */
  async changeNodeKey(next: SealingKey): Promise<void> {
    while (this.#rotating !== undefined) await this.#rotating;
    const { promise, resolve } = deferred<void>();
    this.#rotating = promise;
    try {
      await Promise.allSettled(this.#generating.values());
      await this.#reseal(next);
    } finally {
      this.#rotating = undefined;
      resolve();
    }
  }

  /**
   * The document of a hosted DID; `undefined` if the node doesn't host it.
   *
   * @throws StorageError `storage_failed`
   */
  async document(did: string, baseUrl: string): Promise<JsonObject | undefined> {
    const record = this.#dids.get(did);
    if (record?.agentKeys !== undefined)
      return agentDocument(did, record.agentKeys, { baseUrl, mediator: record.mediator, now: this.#now() });
    const keys = await this.#keys(did);
    if (keys === undefined) return undefined;
    const { signing, agreement } = keys;
    const publicKeys = { signing: publicJwk("signing", signing), agreement: publicJwk("agreement", agreement) };
    return didDocument(did, publicKeys, baseUrl, this.#dids.get(did)?.mediator);
  }

  /** Sets the mediator in the document of a hosted DID, or removes it. @throws StorageError `storage_failed` */
  async setMediator(did: string, mediator: string | undefined): Promise<void> {
    await this.#change(did, (present) => withMediator(present, mediator));
  }

  /** Whether the agent of a hosted DID holds its keys itself. Called for every message. */
  keysAtAgent(did: string): boolean {
    return this.#dids.get(did)?.agentKeys !== undefined;
  }

  /** Checks the keys that an agent presents when it joins as a DID. See {@link checkJoinKeys}. @throws StorageError `storage_failed` */
  async checkKeys(did: string, given: PresentedKeys | undefined, mayReplace: boolean): Promise<JoinKeysResult> {
    if (!this.has(did)) await this.catchUp();
    return checkJoinKeys({ did, found: this.#dids.get(did), given, mayReplace }, this.#now());
  }

  /**
   * Sets the keys of a hosted DID whose agent holds them. Resolves to `false` if another node has set other ones in this moment.
   *
   * @throws StorageError `storage_failed`
   */
  async setAgentKeys(did: string, keys: AgentKeys): Promise<boolean> {
    if (this.#dids.get(did)?.agentKeys === keys) return true;
    const changed = await this.#change(did, (present) => (mayFollow(present.agentKeys, keys) ? withAgentKeys(present, keys) : present));
    return changed?.agentKeys !== undefined && isSame(changed.agentKeys, keys);
  }

  /** The document that a host serves at a path, by did:web. See {@link document}. */
  async documentAt(host: string, path: string, baseUrl: string): Promise<JsonObject | undefined> {
    const dids = hostsOf(host).flatMap((name) => didWebOf(name, path) ?? []);
    if (dids.length > 0 && !dids.some((did) => this.has(did))) await this.catchUp();
    const did = dids.find((candidate) => this.has(candidate));
    return did === undefined ? undefined : this.document(did, baseUrl);
  }

  /** Waits for DIDs that other nodes have created before this call. @throws StorageError `storage_failed` */
  catchUp(): Promise<void> {
    return this.#records.catchUp();
  }

  /**
   * A private key of a hosted DID, for the node's own use; `undefined` if the node doesn't host it.
   *
   * @throws StorageError `data_dir_unusable` (it can't be decrypted), `storage_failed`
   */
  async privateKey(did: string, purpose: KeyPurpose): Promise<KeyObject | undefined> {
    if (!this.has(did)) await this.catchUp();
    await this.#keys(did);
    // The keys and the node key of one moment: a rotation changes both.
    const keys = this.#dids.get(did)?.keys;
    return keys === undefined ? undefined : privateKeyOf(did, purpose, keys[purpose], this.#nodeKey);
  }

  async #create(did: string, storage: DidStorage, owner: ApiKey, agentKeys?: AgentKeys): Promise<HostedDid> {
    if (storage === "ephemeral" && !owner.ephemeral) throw ephemeralNotAllowed();
    if ((this.#owned.get(owner.id) ?? 0) >= this.#maxPerKey) {
      throw new IdentityError("too_many_dids", `An API key may own ${this.#maxPerKey} DIDs`);
    }
    const now = this.#now();
    const record: DidRecord = { did, storage, ownerKeyId: owner.id, createdAt: now, lastSeenAt: now, ...(agentKeys && { agentKeys }) };
    this.#set(record);
    const writing = this.#records.update(did, (present) => present ?? record);
    this.#creating.set(did, writing);
    try {
      const written = (await writing) ?? record;
      this.#set(written);
      // Another node may have created it for another key in this moment.
      if (written.ownerKeyId !== owner.id && !mayActFor(owner, did, written)) throw notAllowed();
      return hostedDidOf(written);
    } catch (error) {
      if (this.#dids.get(did) === record) this.#delete(did);
      throw error;
    } finally {
      this.#creating.delete(did);
    }
  }

  /** The keys of a DID, generated and stored on first use. */
  async #keys(did: string): Promise<StoredKeys | undefined> {
    const under = this.#generating.get(did);
    if (under !== undefined) return under;
    const record = this.#dids.get(did);
    if (record === undefined || record.keys !== undefined || record.agentKeys !== undefined) return record?.keys;
    const generating = this.#generate(did);
    this.#generating.set(did, generating);
    try {
      return await generating;
    } finally {
      this.#generating.delete(did);
    }
  }

  /** Keys are returned only once durable: a document must not change after a crash. */
  async #generate(did: string): Promise<StoredKeys | undefined> {
    await this.#rotating;
    const keys = await generateKeys(did, this.#nodeKey);
    // Another node may have generated keys in this moment: those that were stored first count.
    const record = await this.#change(did, (present) =>
      present.keys === undefined && present.agentKeys === undefined ? { ...present, keys } : present,
    );
    return record?.keys;
  }

  async #reseal(next: SealingKey): Promise<void> {
    const former = this.#nodeKey;
    const before = new Map(Array.from(this.#dids.values()).flatMap(({ did, keys }) => (keys === undefined ? [] : [[did, keys]])));
    const after = new Map(Array.from(before, ([did, keys]) => [did, resealKeys(did, keys, former, next)]));
    const take = (nodeKey: SealingKey, keysOf: ReadonlyMap<string, StoredKeys>): void => {
      this.#nodeKey = nodeKey;
      for (const [did, keys] of keysOf) {
        const record = this.#dids.get(did);
        if (record !== undefined) this.#dids.set(did, { ...record, keys });
      }
    };
    take(next, after);
    try {
      // Queued in one turn of the event loop, so they are one commit.
      await Promise.all(Array.from(after, ([did, keys]) => this.#records.update(did, (present) => present && { ...present, keys })));
    } catch (error) {
      take(former, before);
      throw error;
    }
  }

  /** Changes a record: in memory first, so that later writes include the change, and back if the write fails. */
  async #change(did: string, change: (present: DidRecord) => DidRecord): Promise<DidRecord | undefined> {
    const former = this.#dids.get(did);
    if (former === undefined) return undefined;
    this.#dids.set(did, change(former));
    try {
      const changed = await this.#records.update(did, (present) => present && change(present));
      if (changed !== undefined && this.#dids.has(did)) this.#set(changed);
      return changed;
    } catch (error) {
      if (this.#dids.has(did)) this.#dids.set(did, former);
      throw error;
    }
  }

  #set(record: DidRecord): void {
    const former = this.#dids.get(record.did)?.ownerKeyId;
    if (former !== record.ownerKeyId) {
      if (former !== undefined) this.#countOwned(former, -1);
      this.#countOwned(record.ownerKeyId, 1);
    }
    this.#dids.set(record.did, record);
  }

  #countOwned(ownerKeyId: string, change: 1 | -1): void {
    const count = (this.#owned.get(ownerKeyId) ?? 0) + change;
    if (count <= 0) this.#owned.delete(ownerKeyId);
    else this.#owned.set(ownerKeyId, count);
  }

  #delete(did: string): void {
    const record = this.#dids.get(did);
    if (record === undefined) return;
    this.#dids.delete(did);
    this.#countOwned(record.ownerKeyId, -1);
  }
}
