import { closeAll, closeQuietly, closeTogether } from "@parley/core/internal";
import { createGroup } from "../join/create-group.ts";
import { equalBytes } from "../codec/codec.ts";
import type { Environment } from "../epoch/environment.ts";
import { WireFormat } from "../framing/framed-content.ts";
import type { EpochStart } from "../epoch/group-state.ts";
import { join } from "../join/join.ts";
import { createKeyPackage, eraseKeyPackageSecrets, type KeyPackage, type Signer } from "../join/key-package.ts";
import { createPause } from "../epoch/pause.ts";
import type { Lifetime } from "../codec/structures.ts";
import { createCrypto } from "../crypto/create-crypto.ts";
import { basicCredential, type MlsCredential } from "../credentials/credential.ts";
import type { MlsCrypto } from "../crypto/mls-crypto.ts";
import type { JoinOptions, KeyPackageOptions, MlsEngineOptions } from "./engine-options.ts";
import { MlsError } from "../errors.ts";
import { newGroup, type MlsGroup } from "../group/group.ts";
import { REMOVED, STATE, stateRows } from "../group/group-rows.ts";
import { GroupSession, startKeys, type GroupContextOptions } from "../group/group-session.ts";
import { hasIdentity, loadSigner } from "./identity-rows.ts";
import { hex, KeyPackageRows } from "./key-package-rows.ts";
import { limitsFrom, type MlsLimits } from "./limits.ts";
import { loadSession } from "../group/load-session.ts";
import { Mutex } from "../group/mutex.ts";
import type { GroupStore, StorePartition } from "../store/group-store.ts";
import { frame, readWire } from "../framing/mls-message.ts";

const ENGINE_PARTITION = "engine";
const GROUP_PREFIX = "group/";
const MAX_GROUP_ID_BYTES = 256;
const DAY_MS = 86_400_000;
const DEFAULT_LIFETIME_MS = 84 * DAY_MS;
/** A new key package is valid in the past already, for peers whose clock is slow. */
const CLOCK_SKEW_MS = 3_600_000;

/**
 * Opens an engine on a store: one identity, its key packages and its groups.
 *
 * @throws MlsError `wrong_identity`, `state_damaged`, `crypto_unavailable`; StoreError; TypeError
 * @example
 * ```ts
 * import { createMlsEngine, memoryStore, unsafeAcceptAnyCredential } from "@parley/mls-engine";
 *
 * const alice = await createMlsEngine({ identity: "alice", store: memoryStore(), authenticate: unsafeAcceptAnyCredential });
 * const group = await alice.createGroup(new TextEncoder().encode("team"));
 * console.log(group.epoch);
 * ```
 */
export async function createMlsEngine(options: MlsEngineOptions): Promise<MlsEngine> {
  const limits = limitsFrom(options.limits);
  if (options.handshakes !== undefined && options.handshakes !== "private" && options.handshakes !== "public")
    throw new TypeError('handshakes must be "private" or "public"');
  if (typeof options.authenticate !== "function") throw new TypeError("authenticate must say whose credential is accepted");
  const crypto = options.crypto ?? (await createCrypto());
  const credential =
    typeof options.identity === "string" || options.identity instanceof Uint8Array
      ? basicCredential(options.identity)
      : { ...options.identity, content: options.identity.content.slice() };
  try {
    return await openEngine(options, { crypto, credential, limits });
  } catch (error) {
    // It is the engine's own from the start, and nobody else may have a handle to free it with.
    await closeQuietly(() => options.store.close());
    throw error;
  }
}

async function openEngine(
  options: MlsEngineOptions,
  { crypto, credential, limits }: { crypto: MlsCrypto; credential: MlsCredential; limits: MlsLimits },
): Promise<MlsEngine> {
  const partition = await options.store.open(ENGINE_PARTITION);
  await checkNotEmptied(options.store, partition);
  const signer = await loadSigner(crypto, partition, credential, options.signatureKey);
  const now = options.now ?? Date.now;
  const environment: GroupContextOptions["environment"] = (findResumption) => ({
    suite: crypto.handshake,
    signer,
    authenticate: options.authenticate,
    findPsk: (id) => (id.kind === "external" ? options.psk?.(id.id) : findResumption(id)),
    limits: {
      maxMembers: limits.maxMembers,
      maxLifetimeMs: limits.maxKeyPackageLifetimeMs,
      maxClockSkewMs: limits.maxClockSkewMs,
      strictLifetimes: options.strictLifetimes ?? false,
      uniqueIdentities: options.allowSameIdentity !== true,
    },
    now,
    pause: createPause(),
  });
  const keyPackages = new KeyPackageRows(crypto.handshake, partition);
  await finishJoins(options.store, keyPackages);
  await keyPackages.removeExpired(now());
  return create(
    { store: options.store, partition, signer, keyPackages, now },
    { crypto, limits, padding: options.padding, handshakes: options.handshakes ?? "private", environment },
  );
}

/** A store whose identity has gone must not get a new one. @throws MlsError `state_damaged` */
async function checkNotEmptied(store: GroupStore, partition: StorePartition): Promise<void> {
  if (hasIdentity(partition)) return;
  const hasGroups = async (): Promise<boolean> => (await store.partitions()).some((name) => name.startsWith(GROUP_PREFIX));
  if (partition.wasFound === true || (await hasGroups())) {
    throw new MlsError(
      "state_damaged",
      "The store has lost the identity that it belongs to: restore its files, or start with an empty store",
    );
  }
}

/** Ends the joins that a crash has interrupted. */
async function finishJoins(store: GroupStore, keyPackages: KeyPackageRows): Promise<void> {
  for (const { name, groupPartition } of keyPackages.openJoins()) {
    const partition = await store.open(groupPartition);
    const hasJoined = partition.get(STATE) !== undefined;
    await partition.close();
    await (hasJoined ? keyPackages.endJoin(name) : keyPackages.cancelJoin(name));
  }
}

interface EngineParts {
  readonly store: GroupStore;
  readonly partition: StorePartition;
  readonly signer: Signer;
  readonly keyPackages: KeyPackageRows;
  readonly now: () => number;
}

let create: (parts: EngineParts, options: GroupContextOptions) => MlsEngine;

/** One identity with its key packages and groups, on one store; see {@link createMlsEngine}. */
export class MlsEngine implements AsyncDisposable {
  readonly #parts: EngineParts;
  readonly #options: GroupContextOptions;
  readonly #mutex = new Mutex();
  readonly #groups = new Map<string, MlsGroup>();
  #isClosed = false;

  static {
    create = (parts, options) => new MlsEngine(parts, options);
  }

  private constructor(parts: EngineParts, options: GroupContextOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** The public half of the signature key, by which others know this engine. */
  get signatureKey(): Uint8Array {
    return this.#parts.signer.signatureKey.publicKey.slice();
  }

  /** How many key packages were given out and neither used nor expired. */
  get keyPackageCount(): number {
    return this.#parts.keyPackages.count;
  }

  /**
   * A new key package, to be published: with it, anybody can add this engine to a group. Its private halves are on disk before it is given
   * out. It works once, unless it is one of last resort.
   *
   * @throws MlsError `closed`; StoreError; TypeError
   */
  keyPackage({ lastResort = false, lifetimeMs = DEFAULT_LIFETIME_MS }: KeyPackageOptions = {}): Promise<Uint8Array> {
    if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs < 1) throw new TypeError("lifetimeMs must be a whole number above 0");
    return this.#step(async () => {
      const { keyPackages, signer, now } = this.#parts;
      await keyPackages.removeExpired(now());
      const suite = this.#options.crypto.handshake;
      const own = await createKeyPackage(suite, signer, this.#lifetime(lifetimeMs), lastResort);
      await keyPackages.add(own);
      eraseKeyPackageSecrets(own.secrets);
      return frame(WireFormat.keyPackage, own.keyPackage.bytes);
    });
  }

  /**
   * Creates a group of which this engine is the only member.
   *
   * @param id 1 to 256 bytes, no two groups of an application the same.
   * @throws MlsError `group_exists`, `closed`; StoreError; TypeError
   */
  createGroup(id: Uint8Array): Promise<MlsGroup> {
    if (!isGroupId(id)) throw new TypeError(`A group's id has 1 to ${MAX_GROUP_ID_BYTES} bytes`);
    return this.#step(async () => {
      const { signer } = this.#parts;
      const suite = this.#options.crypto.handshake;
      const own = await createKeyPackage(suite, signer, this.#lifetime(DEFAULT_LIFETIME_MS), false);
      const env = this.#environment();
      const start = await createGroup(env, id.slice(), own);
      eraseKeyPackageSecrets(own.secrets);
      return this.#begin(start);
    });
  }

  /**
   * Joins the group of a Welcome. The key package that it was made for is gone after that, unless it is one of last resort.
   *
   * @throws MlsError `no_key_package` (the Welcome is for somebody else, or was used), `invalid_welcome`, `credential_refused`,
   *   `unknown_psk`, `group_exists`, `unsupported`, `malformed`, `too_large`, `closed`; StoreError
   */
  joinGroup(welcome: Uint8Array, options: JoinOptions = {}): Promise<MlsGroup> {
    return this.#step(async () => {
      const { keyPackages } = this.#parts;
      const wire = readWire(welcome, this.#options.limits.maxMessageBytes);
      if (wire.kind !== "welcome") throw new MlsError("invalid_welcome", "The message is no Welcome");
      const found = keyPackages.find(wire.message);
      if (!found) throw new MlsError("no_key_package", "The Welcome is for no key package of this engine, or for one that was used");
      const start = await join(this.#environment(), wire.message, found.own, options.ratchetTree);
      eraseKeyPackageSecrets(found.own.secrets);
      return this.#begin(start, found.name);
    });
  }

  /**
   * A group that is stored; the same object for the same group, until it is closed. One whose store could not be written is closed and
   * loaded again.
   *
   * @throws MlsError `no_such_group`, `removed` (we are no member any more), `state_damaged`, `closed`; StoreError
   */
  loadGroup(id: Uint8Array): Promise<MlsGroup> {
    return this.#step(async () => {
      const name = partitionOf(id);
      const open = this.#groups.get(name);
      if (open && open.failure === undefined) return open;
      if (open) await closeQuietly(() => open.close());
      const partition = await this.#parts.store.open(name);
      try {
        const session = loadSession(this.#options, partition);
        if (session && equalBytes(session.state.context.groupId, id)) return this.#keep(name, session);
        const wasRemoved = partition.get(REMOVED) !== undefined;
        if (!wasRemoved && partition.wasFound === true) throw emptied();
        throw wasRemoved
          ? new MlsError("removed", "We are no member of this group any more")
          : new MlsError("no_such_group", "There is no such group in this store");
      } catch (error) {
        await closeQuietly(() => partition.close());
        throw error;
      }
    });
  }

  /** Ids of the groups that are stored, those included that we were removed from. */
  groups(): Promise<readonly Uint8Array[]> {
    return this.#step(async () => {
      const names = await this.#parts.store.partitions();
      return names.filter((name) => name.startsWith(GROUP_PREFIX)).map((name) => fromHex(name.slice(GROUP_PREFIX.length)));
    });
  }

  /** Erases all that is stored of a group, also of one that can't be loaded. Nothing happens when there is none. */
  removeGroup(id: Uint8Array): Promise<void> {
    return this.#step(async () => {
      const name = partitionOf(id);
      const open = this.#groups.get(name);
      if (open) await open.remove();
      else await this.#parts.store.remove(name);
    });
  }

  /** Closes all groups and the store, when everything is on disk. Keys stay. Idempotent. @throws StoreError `failed`; all is closed then too */
  close(): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      const groups = Array.from(this.#groups.values(), (group) => () => group.close());
      await closeAll(
        () => closeTogether(...groups),
        () => this.#parts.store.close(),
        () => this.#parts.signer.signatureKey.privateKey.fill(0),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Stores a group's first epoch here. */
  async #begin(start: EpochStart, keyPackage?: string): Promise<MlsGroup> {
    const { store, keyPackages } = this.#parts;
    const { groupId } = start.state.context;
    if (!isGroupId(groupId)) throw new MlsError("unsupported", `A group's id has 1 to ${MAX_GROUP_ID_BYTES} bytes`);
    const name = partitionOf(groupId);
    if (this.#groups.has(name)) throw groupExists();
    const partition = await store.open(name);
    const isHeld = partition.get(STATE) !== undefined;
    if (isHeld || (partition.wasFound === true && partition.get(REMOVED) === undefined)) {
      await closeQuietly(() => partition.close());
      throw isHeld ? groupExists() : emptied();
    }
    let isStored = false;
    try {
      const { keys, rows } = startKeys(this.#options, start);
      const loaded = { state: start.state, keys, past: new Map(), pending: undefined, discarded: [], isOutdated: false };
      const session = new GroupSession(this.#options, partition, loaded);
      if (keyPackage !== undefined) await keyPackages.beginJoin(keyPackage, name);
      await session.write([...stateRows(start.state, undefined), ...rows, { key: REMOVED, value: undefined }], "durable");
      isStored = true;
      await partition.acknowledgeCut?.();
      if (keyPackage !== undefined) await keyPackages.endJoin(keyPackage);
      return this.#keep(name, session);
    } catch (error) {
      await closeQuietly(() => partition.close());
      // The same call may be repeated: what was written of the group must not be in its way.
      if (!isStored) await closeQuietly(() => store.remove(name));
      throw error;
    }
  }

  #keep(name: string, session: GroupSession): MlsGroup {
    const group = newGroup(session, {
      onClose: () => this.#groups.delete(name),
      erase: () => this.#parts.store.remove(name),
      readKeyPackage: (bytes) => readKeyPackageMessage(bytes, this.#options.limits.maxMessageBytes),
    });
    this.#groups.set(name, group);
    return group;
  }

  #environment(): Environment {
    return this.#options.environment(() => undefined);
  }

  #lifetime(lifetimeMs: number): Lifetime {
    const now = this.#parts.now();
    const seconds = (ms: number): bigint => BigInt(Math.floor(ms / 1000));
    return { notBefore: seconds(now - CLOCK_SKEW_MS), notAfter: seconds(now + lifetimeMs) };
  }

  #step<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(() => {
      if (this.#isClosed) throw new MlsError("closed", "The engine is closed");
      return task();
    });
  }
}

function readKeyPackageMessage(bytes: Uint8Array, maxBytes: number): KeyPackage {
  try {
    const wire = readWire(bytes, maxBytes);
    if (wire.kind === "key_package") return wire.message;
  } catch (cause) {
    throw new MlsError("invalid_key_package", "The bytes are not a key package", { cause });
  }
  throw new MlsError("invalid_key_package", "The message is no key package");
}

function partitionOf(groupId: Uint8Array): string {
  if (!isGroupId(groupId)) throw new MlsError("no_such_group", `A group's id has 1 to ${MAX_GROUP_ID_BYTES} bytes`);
  return GROUP_PREFIX + hex(groupId);
}

function isGroupId(id: Uint8Array): boolean {
  return id instanceof Uint8Array && id.length >= 1 && id.length <= MAX_GROUP_ID_BYTES;
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function emptied(): MlsError {
  return new MlsError(
    "state_damaged",
    "What is stored of the group has lost its state: restore its file, or remove the group and join again",
  );
}

function groupExists(): MlsError {
  return new MlsError("group_exists", "There is a group of this id in the store already");
}
