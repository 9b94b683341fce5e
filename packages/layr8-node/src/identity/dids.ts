import { randomBytes, type KeyObject } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { TimeSlice } from "@parley/core/internal";
import { canonicalDid, isDid } from "@parley/did";
import type { SealingKey } from "@parley/storage";
import { assertMayEnd, mayActFor } from "./access.ts";
import { mayBind, type ApiKey } from "./api-keys.ts";
import { isSame, mayFollow, type AgentKeys, type PresentedKeys } from "./agent-keys.ts";
import { agentDocument, didDocument } from "./did-document.ts";
import { publicJwk, type KeyPurpose } from "./did-keys.ts";
import { DidRecords } from "./did-records.ts";
import type { DidsOptions, EnsureOptions } from "./dids-options.ts";
import { didWebOf, hostsOf } from "./did-web-path.ts";
import { hostedDidOf, withAgentKeys, withMediator, type DidStorage, type HostedDid } from "./hosted-did.ts";
import { checkJoinKeys, type JoinKeysResult } from "./join-keys.ts";
import { ephemeralNotAllowed, IdentityError, notAllowed, reasonOf } from "./identity-error.ts";
import { NodeHeldKeys } from "./node-held-keys.ts";
import { hostnameOf, similarDid } from "./similar-did.ts";

/** Maximum number of DIDs searched for one similar to a mistyped one. */
const MAX_SEARCHED = 20_000;

/** The DIDs that a node hosts, their owners and their keys. */
export class Dids {
  readonly #records: DidRecords;
  readonly #keys: NodeHeldKeys;
  readonly #maxPerKey: number;
  readonly #touchEveryMs: number;
  readonly #now: () => number;

  /** @throws StorageError `data_dir_unusable` when the node key isn't the one that the records' keys are encrypted under. */
  constructor({ records, nodeKey, maxPerKey = 100_000, touchEveryMs = 60_000, now = Date.now }: DidsOptions) {
    this.#records = new DidRecords(records, now());
    this.#keys = new NodeHeldKeys(this.#records, nodeKey);
    this.#maxPerKey = maxPerKey;
    this.#touchEveryMs = touchEveryMs;
    this.#now = now;
  }

  has(did: string): boolean {
    return this.#records.has(did);
  }

  /** All hosted DIDs. */
  *all(): Generator<HostedDid> {
    for (const record of this.#records.values()) yield hostedDidOf(record);
  }

  /** The API key that created a DID. */
  ownerOf(did: string): string | undefined {
    return this.#records.get(did)?.ownerKeyId;
  }

  get(did: string): HostedDid | undefined {
    const record = this.#records.get(did);
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
    for (const { did, storage } of this.#records.values()) {
      if (++count > MAX_SEARCHED) return;
      if (storage === "persistent" && hostnames.has(hostnameOf(did) ?? "")) yield did;
    }
  }

  /** Whether an API key may act for a DID, hosted or not. See {@link mayActFor}. */
  permits(apiKey: ApiKey, did: string): boolean {
    return mayActFor(apiKey, did, this.#records.get(did));
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
    const creating = this.#records.creationOf(did);
    if (creating !== undefined) await creating;
    const found = this.#records.get(did);
    const wanted = found === undefined || mode === "Update" ? (storage ?? found?.storage ?? "persistent") : found.storage;
    if (!mayActFor(owner, did, found) || (found?.storage !== wanted && !mayBind(owner, did))) throw notAllowed();
    if (found === undefined) {
      if (mode === "Require") throw new IdentityError("did_unknown", "The node does not host this DID");
      return this.#create(did, wanted, owner, agentKeys);
    }
    if (found.storage !== wanted) {
      if (wanted === "ephemeral") await assertMayEnd(found, owner, holdsAnything);
      await this.#records.change(did, (present) => ({ ...present, storage: wanted, lastSeenAt: this.#now() }));
    } else {
      this.touch(did);
    }
    return hostedDidOf(this.#records.get(did) ?? found);
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
    const record = this.#records.get(did);
    if (record === undefined) return;
    const touched = { ...record, lastSeenAt: this.#now() };
    this.#records.set(touched);
    // If the write fails, the time is slightly older after a restart, which is harmless.
    if (touched.lastSeenAt - record.lastSeenAt < this.#touchEveryMs) return;
    const { lastSeenAt } = touched;
    this.#records.store(did, (present) => ({ ...present, lastSeenAt })).catch(() => undefined);
  }

  /** Notes in memory that ephemeral DIDs last seen before a time are in use: each node that shares its DIDs may have to remove them later. */
  async see(before: number, isInUse: (did: string) => boolean): Promise<void> {
    const slice = new TimeSlice();
    for (const record of this.#records.values()) {
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
      const { did } = record;
      if (record.storage !== "ephemeral" || record.lastSeenAt >= before || !isInUse(did)) continue;
      if (this.#records.get(did) === record) this.#records.set({ ...record, lastSeenAt: this.#now() });
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
    for (const { did } of this.#records.values()) {
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
      const record = this.#records.get(did);
      if (record?.storage !== "ephemeral" || record.lastSeenAt >= before || isInUse(did)) continue;
      if (this.#records.creationOf(did) !== undefined) continue;
      this.#keys.forget(record);
      const removed = this.#records.delete(did);
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
    await this.#records.creationOf(did)?.catch(() => undefined);
    const record = this.#records.get(did);
    if (record === undefined) return false;
    this.#keys.forget(record);
    try {
      await this.#records.delete(did);
    } catch (error) {
      if (!this.#records.has(did)) this.#records.set(record);
      throw error;
    }
    return true;
  }

  /**
   * Encrypts all private keys with another node key. See {@link NodeHeldKeys.changeNodeKey}.
   *
   * @throws StorageError `data_dir_unusable` (a key can't be decrypted), `storage_failed`: all keys are encrypted as before.
   */
  changeNodeKey(next: SealingKey): Promise<void> {
    return this.#keys.changeNodeKey(next);
  }

  /**
   * The document of a hosted DID; `undefined` if the node doesn't host it.
   *
   * @throws StorageError `storage_failed`
   */
  async document(did: string, baseUrl: string): Promise<JsonObject | undefined> {
    const record = this.#records.get(did);
    if (record?.agentKeys !== undefined)
      return agentDocument(did, record.agentKeys, { baseUrl, mediator: record.mediator, now: this.#now() });
    const keys = await this.#keys.of(did);
    if (keys === undefined) return undefined;
    const { signing, agreement } = keys;
    const publicKeys = { signing: publicJwk("signing", signing), agreement: publicJwk("agreement", agreement) };
    return didDocument(did, publicKeys, baseUrl, this.#records.get(did)?.mediator);
  }

  /** Sets the mediator in the document of a hosted DID, or removes it. @throws StorageError `storage_failed` */
  async setMediator(did: string, mediator: string | undefined): Promise<void> {
    await this.#records.change(did, (present) => withMediator(present, mediator));
  }

  /** Whether the agent of a hosted DID holds its keys itself. Called for every message. */
  keysAtAgent(did: string): boolean {
    return this.#records.get(did)?.agentKeys !== undefined;
  }

  /** Checks the keys that an agent presents when it joins as a DID. See {@link checkJoinKeys}. @throws StorageError `storage_failed` */
  async checkKeys(did: string, given: PresentedKeys | undefined, mayReplace: boolean): Promise<JoinKeysResult> {
    if (!this.has(did)) await this.catchUp();
    return checkJoinKeys({ did, found: this.#records.get(did), given, mayReplace }, this.#now());
  }

  /**
   * Sets the keys of a hosted DID whose agent holds them. Resolves to `false` if another node has set other ones in this moment.
   *
   * @throws StorageError `storage_failed`
   */
  async setAgentKeys(did: string, keys: AgentKeys): Promise<boolean> {
    const former = this.#records.get(did);
    if (former?.agentKeys === keys) return true;
    const changed = await this.#records.change(did, (present) =>
      mayFollow(present.agentKeys, keys) ? withAgentKeys(present, keys) : present,
    );
    if (former !== undefined) this.#keys.forget(former);
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
    return this.#keys.privateKey(did, purpose);
  }

  async #create(did: string, storage: DidStorage, owner: ApiKey, agentKeys?: AgentKeys): Promise<HostedDid> {
    if (storage === "ephemeral" && !owner.ephemeral) throw ephemeralNotAllowed();
    if (this.#records.ownedBy(owner.id) >= this.#maxPerKey) {
      throw new IdentityError("too_many_dids", `An API key may own ${this.#maxPerKey} DIDs`);
    }
    const now = this.#now();
    const record = { did, storage, ownerKeyId: owner.id, createdAt: now, lastSeenAt: now, ...(agentKeys && { agentKeys }) };
    const created = await this.#records.create(record);
    // Another node may have created it for another key in this moment.
    if (created.ownerKeyId !== owner.id && !mayActFor(owner, did, created)) throw notAllowed();
    return hostedDidOf(created);
  }
}
