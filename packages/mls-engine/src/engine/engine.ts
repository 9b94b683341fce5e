import { equalBytes, fromHex, toHex } from "../codec/bytes.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { closeAll, closeQuietly, closeTogether, Mutex } from "@parley/core/internal";
import { createGroup } from "../join/create-group.ts";
import type { Environment } from "../epoch/environment.ts";
import { WireFormat } from "../framing/framed-content.ts";
import type { EpochStart } from "../epoch/group-state.ts";
import { join } from "../join/join.ts";
import { createKeyPackage, eraseKeyPackageSecrets, type KeyPackage, type Signer } from "../join/key-package.ts";
import { createPause } from "../epoch/pause.ts";
import type { Lifetime } from "../codec/structures.ts";
import { createCipherSuite } from "../crypto/create-cipher-suite.ts";
import { basicCredential, type MlsCredential } from "../credentials/credential.ts";
import type { JoinOptions, KeyPackageOptions, MlsEngineOptions } from "./engine-options.ts";
import { MlsEngineError } from "../errors.ts";
import { newGroup, type MlsGroup } from "../group/group.ts";
import { REMOVED, STATE, stateRows } from "../group/group-rows.ts";
import { GroupSession, startKeys, type SessionOptions } from "../group/group-session.ts";
import { hasIdentity, loadSigner } from "./identity-rows.ts";
import { KeyPackageRows } from "./key-package-rows.ts";
import { limitsFrom, type MlsLimits } from "./limits.ts";
import { loadSession } from "../group/load-session.ts";
import type { GroupStore, StorePartition } from "../store/group-store.ts";
import { encodeMlsMessage, readMlsMessage } from "../framing/mls-message.ts";

const ENGINE_PARTITION = "engine";
const GROUP_PREFIX = "group/";
const MAX_GROUP_ID_BYTES = 256;
const DAY_MS = 86_400_000;
const DEFAULT_LIFETIME_MS = 84 * DAY_MS;
/** New key packages are valid from one hour ago, for peers whose clock is slow. */
const CLOCK_SKEW_MS = 3_600_000;

/**
 * Opens an engine on a store: one identity with its key packages and groups.
 *
 * @throws MlsEngineError `wrong_identity`, `state_damaged`, `crypto_unavailable`
 * @throws StoreError
 * @throws TypeError for invalid options
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
  if (typeof options.authenticate !== "function") {
    throw new TypeError("Missing required option authenticate: a function that decides which credentials are accepted");
  }
  const suite = options.cipherSuite ?? createCipherSuite();
  const credential =
    typeof options.identity === "string" || options.identity instanceof Uint8Array
      ? basicCredential(options.identity)
      : { ...options.identity, content: options.identity.content.slice() };
  try {
    return await openEngine(options, { suite, credential, limits });
  } catch (error) {
    // The engine owns the store from the start, and the caller may have no handle to close it.
    await closeQuietly(() => options.store.close());
    throw error;
  }
}

async function openEngine(
  options: MlsEngineOptions,
  { suite, credential, limits }: { suite: CipherSuite; credential: MlsCredential; limits: MlsLimits },
): Promise<MlsEngine> {
  const partition = await options.store.open(ENGINE_PARTITION);
  await checkNotEmptied(options.store, partition);
  const signer = await loadSigner(suite, partition, credential, options.signatureKey);
  const now = options.now ?? Date.now;
  const environment: SessionOptions["environment"] = (findResumption) => ({
    suite,
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
  const keyPackages = new KeyPackageRows(suite, partition);
  await finishJoins(options.store, keyPackages);
  await keyPackages.removeExpired(now());
  return create(
    { store: options.store, partition, signer, keyPackages, now },
    { suite, limits, padding: options.padding, handshakes: options.handshakes ?? "private", environment },
  );
}

/**
 * Checks that a store without an identity is new. A new identity in a damaged store would make its groups unusable.
 *
 * @throws MlsEngineError `state_damaged`
 */
async function checkNotEmptied(store: GroupStore, partition: StorePartition): Promise<void> {
  if (hasIdentity(partition)) return;
  const hasGroups = async (): Promise<boolean> => (await store.partitions()).some((name) => name.startsWith(GROUP_PREFIX));
  if (partition.wasFound === true || (await hasGroups())) {
    throw new MlsEngineError("state_damaged", "The store has lost its identity: restore its files, or start with an empty store");
  }
}

/** Completes or cancels the joins that a crash interrupted. */
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

let create: (parts: EngineParts, options: SessionOptions) => MlsEngine;

/** One identity with its key packages and groups, on one store; see {@link createMlsEngine}. */
export class MlsEngine implements AsyncDisposable {
  readonly #parts: EngineParts;
  readonly #options: SessionOptions;
  readonly #mutex = new Mutex();
  readonly #groups = new Map<string, MlsGroup>();
  #isClosed = false;

  static {
    create = (parts, options) => new MlsEngine(parts, options);
  }

  private constructor(parts: EngineParts, options: SessionOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** The public signature key, which identifies this engine to other members. */
  get signatureKey(): Uint8Array {
    return this.#parts.signer.signatureKey.publicKey.slice();
  }

  /** The number of published key packages that are neither used nor expired. */
  get keyPackageCount(): number {
    return this.#parts.keyPackages.count;
  }

  /**
   * Creates a key package to publish. Anyone who has it can add this engine to a group, once, unless it is one of last resort. Its private keys
   * are on disk when the promise resolves.
   *
   * @throws MlsEngineError `closed`
   * @throws StoreError
   * @throws TypeError
   */
  keyPackage({ lastResort = false, lifetimeMs = DEFAULT_LIFETIME_MS }: KeyPackageOptions = {}): Promise<Uint8Array> {
    if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs < 1) throw new TypeError("lifetimeMs must be a positive whole number");
    return this.#step(async () => {
      const { keyPackages, signer, now } = this.#parts;
      await keyPackages.removeExpired(now());
      const own = createKeyPackage(this.#options.suite, signer, this.#lifetime(lifetimeMs), lastResort);
      await keyPackages.add(own);
      eraseKeyPackageSecrets(own.secrets);
      return encodeMlsMessage(WireFormat.keyPackage, own.keyPackage.bytes);
    });
  }

  /**
   * Creates a group of which this engine is the only member.
   *
   * @param id 1 to 256 bytes, unique among the groups of the application
   * @throws MlsEngineError `group_exists`, `closed`
   * @throws StoreError
   * @throws TypeError
   */
  createGroup(id: Uint8Array): Promise<MlsGroup> {
    if (!isGroupId(id)) throw new TypeError(`A group's id must have 1 to ${MAX_GROUP_ID_BYTES} bytes`);
    return this.#step(async () => {
      const { signer } = this.#parts;
      const own = createKeyPackage(this.#options.suite, signer, this.#lifetime(DEFAULT_LIFETIME_MS), false);
      const env = this.#environment();
      const start = await createGroup(env, id.slice(), own);
      eraseKeyPackageSecrets(own.secrets);
      return this.#begin(start);
    });
  }

  /**
   * Joins the group of a Welcome. The key package that it is for is erased, unless it is one of last resort.
   *
   * @throws MlsEngineError `no_key_package` (the Welcome is for another engine, or its key package was used), `invalid_welcome`,
   *   `credential_refused`, `identity_taken`, `unknown_psk`, `group_exists`, `unsupported`, `malformed`, `too_large`, `closed`
   * @throws StoreError
   */
  joinGroup(welcome: Uint8Array, options: JoinOptions = {}): Promise<MlsGroup> {
    return this.#step(async () => {
      const { keyPackages } = this.#parts;
      const parsed = readMlsMessage(welcome, this.#options.limits.maxMessageBytes);
      if (parsed.kind !== "welcome") throw new MlsEngineError("invalid_welcome", "The message is not a Welcome");
      const found = keyPackages.find(parsed.message);
      if (!found)
        throw new MlsEngineError("no_key_package", "The Welcome is not for a key package of this engine, or that key package was used");
      const start = await join(this.#environment(), parsed.message, found.own, options.ratchetTree);
      eraseKeyPackageSecrets(found.own.secrets);
      return this.#begin(start, found.name);
    });
  }

  /**
   * Loads a stored group. Returns the same object for the same group until it is closed. A group whose store failed is closed and loaded again.
   *
   * @throws MlsEngineError `no_such_group`, `removed`, `state_damaged`, `closed`
   * @throws StoreError
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
          ? new MlsEngineError("removed", "This engine was removed from the group")
          : new MlsEngineError("no_such_group", "The store contains no group with this id");
      } catch (error) {
        await closeQuietly(() => partition.close());
        throw error;
      }
    });
  }

  /** The ids of the stored groups, including those that this engine was removed from. */
  groups(): Promise<readonly Uint8Array[]> {
    return this.#step(async () => {
      const names = await this.#parts.store.partitions();
      return names.filter((name) => name.startsWith(GROUP_PREFIX)).map((name) => fromHex(name.slice(GROUP_PREFIX.length)));
    });
  }

  /** Erases everything that is stored of a group, even if it can't be loaded. Does nothing if the group doesn't exist. */
  removeGroup(id: Uint8Array): Promise<void> {
    return this.#step(async () => {
      const name = partitionOf(id);
      const open = this.#groups.get(name);
      if (open) await open.remove();
      else await this.#parts.store.remove(name);
    });
  }

  /**
   * Makes everything durable, and closes all groups and the store. The stored keys stay. Idempotent.
   *
   * @throws StoreError `failed`. Everything is closed in that case too.
   */
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

  /** Stores the first epoch of a group that was created or joined. */
  async #begin(start: EpochStart, keyPackage?: string): Promise<MlsGroup> {
    const { store, keyPackages } = this.#parts;
    const { groupId } = start.state.context;
    if (!isGroupId(groupId)) throw new MlsEngineError("unsupported", `A group's id must have 1 to ${MAX_GROUP_ID_BYTES} bytes`);
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
      const loaded = { state: start.state, keys, past: new Map(), pending: undefined, discarded: [], needsUpdate: false };
      const session = new GroupSession(this.#options, partition, loaded);
      if (keyPackage !== undefined) await keyPackages.beginJoin(keyPackage, name);
      await session.write([...stateRows(start.state, undefined), ...rows, { key: REMOVED, value: undefined }], "durable");
      isStored = true;
      await partition.acknowledgeCut?.();
      if (keyPackage !== undefined) await keyPackages.endJoin(keyPackage);
      return this.#keep(name, session);
    } catch (error) {
      await closeQuietly(() => partition.close());
      // A partly written group would make a repeated call fail.
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
      if (this.#isClosed) throw new MlsEngineError("closed", "The engine is closed");
      return task();
    });
  }
}

function readKeyPackageMessage(bytes: Uint8Array, maxBytes: number): KeyPackage {
  try {
    const parsed = readMlsMessage(bytes, maxBytes);
    if (parsed.kind === "key_package") return parsed.message;
  } catch (cause) {
    throw new MlsEngineError("invalid_key_package", "The bytes are not a key package", { cause });
  }
  throw new MlsEngineError("invalid_key_package", "The message is not a key package");
}

function partitionOf(groupId: Uint8Array): string {
  if (!isGroupId(groupId)) throw new MlsEngineError("no_such_group", `A group's id must have 1 to ${MAX_GROUP_ID_BYTES} bytes`);
  return GROUP_PREFIX + toHex(groupId);
}

function isGroupId(id: Uint8Array): boolean {
  return id instanceof Uint8Array && id.length >= 1 && id.length <= MAX_GROUP_ID_BYTES;
}

/** The error for a group whose partition exists without its state. */
function emptied(): MlsEngineError {
  return new MlsEngineError("state_damaged", "The stored group has lost its state: restore its file, or remove the group and join again");
}

function groupExists(): MlsEngineError {
  return new MlsEngineError("group_exists", "The store already contains a group with this id");
}
