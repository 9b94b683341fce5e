import { closeAll, closeQuietly } from "@parley/core/internal";
import { type Clock, NodeClock } from "./clock.ts";
import type { CredentialStore } from "./credentials/credential-store.ts";
import { LmdbCredentialStore } from "./credentials/lmdb-credential-store.ts";
import { MemoryCredentialStore } from "./credentials/memory-credential-store.ts";
import { ApiKeys, type ApiKeyRecord } from "./identity/api-keys.ts";
import { checkNodeKey } from "./identity/did-keys.ts";
import { Dids, type DidRecord } from "./identity/dids.ts";
import { loadNodeKey } from "./identity/node-key.ts";
import { LmdbOutboundStore } from "./federation/outbound/lmdb-outbound-store.ts";
import { MemoryOutboundStore } from "./federation/outbound/memory-outbound-store.ts";
import type { OutboundStore } from "./federation/outbound/outbound-store.ts";
import { queueLimits } from "./federation/queue-limits.ts";
import type { Inbox, InboxLimits } from "./inbox/inbox.ts";
import { LmdbInbox } from "./inbox/lmdb-inbox.ts";
import { MemoryInbox } from "./inbox/memory-inbox.ts";
import type { NodeLimits, NodeOptions } from "./options.ts";
import type { InboxShareRecord } from "./routing/store/inbox-shares.ts";
import { type DamagedRecord, memoryRecords, type Records, SealingKey, SteadyClock, storedRecords } from "@parley/storage";
import { LmdbEnvironment, type LmdbOptions } from "@parley/storage-lmdb";

/** Name and version of the schema of a node's data directory. */
export const SCHEMA: LmdbOptions = { name: "node", schema: 1 };

/** The stores of a node. */
export interface Stores {
  readonly inbox: Inbox;
  readonly apiKeys: ApiKeys;
  readonly dids: Dids;
  readonly credentials: CredentialStore;
  /** Messages waiting for other nodes. */
  readonly outbound: OutboundStore;
  /** Number of messages of each sender in the inboxes. */
  readonly inboxShares: Records<InboxShareRecord>;
  /** The clocks that all components use. */
  readonly clock: Clock;
  /** The source of `clock`. Persists its readings for the next start. */
  readonly steadyClock: SteadyClock;
  /** Calls the listener for each damaged record, those already found included. */
  onDamaged(listener: (record: DamagedRecord) => void): void;
  /** The error of failing writes; `undefined` while writes succeed, and always in memory. */
  writeFailure(): Promise<Error | undefined>;
  /** Flushes and closes all stores, even if one of them fails. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the stores of a node: in its data directory, or in memory if `dataDir` is not set. Called by {@link startNode} and by the CLI.
 *
 * @param onJump called when the wall clock has jumped ahead by this many milliseconds, possibly since the last start.
 */
export async function openStores(
  options: NodeOptions,
  limits: NodeLimits,
  onJump: (aheadMs: number) => void = () => undefined,
): Promise<Stores> {
  const stores =
    options.dataDir === undefined ? openInMemory(options, limits, onJump) : await openDirectory(options.dataDir, options, limits, onJump);
  try {
    for (const key of options.apiKeys ?? []) await stores.apiKeys.import(key);
  } catch (error) {
    await closeQuietly(() => stores.close());
    throw error;
  }
  return stores;
}

function openInMemory(options: NodeOptions, limits: NodeLimits, onJump: (aheadMs: number) => void): Stores {
  const steadyClock = new SteadyClock({ onJump });
  const clock = new NodeClock(steadyClock);
  const now = (): number => clock.expiry();
  const nodeKey = options.nodeKey === undefined ? SealingKey.random() : new SealingKey(options.nodeKey);
  const dids = new Dids({
    records: memoryRecords<DidRecord>(),
    nodeKey,
    maxPerKey: limits.maxDidsPerKey,
    now: () => clock.lifetimeStart(),
  });
  const inbox = new MemoryInbox({ limits: inboxLimits(limits), now, ownerOf: (did) => dids.ownerOf(did) });
  return {
    inbox,
    inboxShares: memoryRecords(),
    apiKeys: new ApiKeys(memoryRecords<ApiKeyRecord>()),
    dids,
    credentials: new MemoryCredentialStore(limits.maxCredentialsPerHolder),
    outbound: new MemoryOutboundStore({ ...queueLimits(limits), now }),
    clock,
    steadyClock,
    onDamaged: () => undefined,
    writeFailure: () => Promise.resolve(undefined),
    close: () => inbox.close(),
  };
}

async function openDirectory(
  directory: string,
  options: NodeOptions,
  limits: NodeLimits,
  onJump: (aheadMs: number) => void,
): Promise<Stores> {
  const environment = await LmdbEnvironment.open(directory, SCHEMA);
  try {
    const steadyClock = new SteadyClock({ environment, accept: options.acceptClock, onJump });
    const clock = new NodeClock(steadyClock);
    const now = (): number => clock.expiry();
    const records = storedRecords<DidRecord>(environment, "dids");
    const encrypted = firstWithKeys(records.load());
    const { nodeKey: given } = options;
    const nodeKey = given === undefined ? await loadNodeKey(environment.directory, encrypted !== undefined) : new SealingKey(given);
    if (encrypted?.keys !== undefined) checkNodeKey(encrypted.did, encrypted.keys, nodeKey, environment.directory);
    const apiKeys = new ApiKeys(storedRecords<ApiKeyRecord>(environment, "api-keys"));
    const dids = new Dids({ records, nodeKey, maxPerKey: limits.maxDidsPerKey, now: () => clock.lifetimeStart() });
    const credentials = new LmdbCredentialStore(environment, limits.maxCredentialsPerHolder);
    await credentials.retain((did) => dids.has(did));
    const inboxShares = storedRecords<InboxShareRecord>(environment, "inbox-shares");
    const inbox = await LmdbInbox.open(environment, { limits: inboxLimits(limits), now, ownerOf: (did) => dids.ownerOf(did) });
    const outbound = await LmdbOutboundStore.open(environment, { ...queueLimits(limits), now });
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> =>
      (closing ??= closeAll(
        () => outbound.close(),
        () => inbox.close(),
        () => steadyClock.keepNow(),
        () => environment.close(),
      ));
    return {
      inbox,
      inboxShares,
      apiKeys,
      dids,
      credentials,
      outbound,
      clock,
      steadyClock,
      onDamaged: (listener) => environment.onDamaged(listener),
      writeFailure: () => environment.writeFailure(),
      close,
    };
  } catch (error) {
    await closeQuietly(() => environment.close());
    throw error;
  }
}

function firstWithKeys(records: Iterable<DidRecord>): DidRecord | undefined {
  for (const record of records) if (record.keys !== undefined) return record;
  return undefined;
}

function inboxLimits(limits: NodeLimits): Partial<InboxLimits> {
  return {
    maxMessages: limits.maxInboxMessages,
    maxLength: limits.maxInboxLength,
    maxMessagesPerOwner: limits.maxWaitingMessagesPerKey,
    maxLengthPerOwner: limits.maxWaitingLengthPerKey,
  };
}
