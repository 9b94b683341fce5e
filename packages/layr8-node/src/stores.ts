import type { JsonObject } from "@parley/core";
import { closeAll, closeQuietly } from "@parley/core/internal";
import { type Clock, NodeClock } from "./clock.ts";
import type { CredentialStore } from "./credentials/credential-store.ts";
import { StoredCredentialStore } from "./credentials/stored-credential-store.ts";
import { ApiKeys, type ApiKeyRecord } from "./identity/api-keys.ts";
import { checkNodeKey } from "./identity/did-keys.ts";
import { Dids, type DidRecord } from "./identity/dids.ts";
import { loadNodeKey } from "./identity/node-key.ts";
import { LmdbOutboundStore } from "./federation/outbound/lmdb-outbound-store.ts";
import { MemoryOutboundStore } from "./federation/outbound/memory-outbound-store.ts";
import type { OutboundStore } from "./federation/outbound/outbound-store.ts";
import { queueLimits } from "./federation/outbound/outbound-limits.ts";
import type { Inbox, InboxLimits } from "./inbox/inbox.ts";
import { LmdbInbox } from "./inbox/lmdb-inbox.ts";
import { MemoryInbox } from "./inbox/memory-inbox.ts";
import type { NodeLimits, NodeOptions } from "./options.ts";
import type { InboxShareRecord } from "./routing/store/inbox-shares.ts";
import {
  type DamagedRecord,
  MemoryEnvironment,
  memoryRecords,
  type Records,
  SealingKey,
  SteadyClock,
  storedRecords,
} from "@parley/storage";
import { LmdbEnvironment, type LmdbOptions, type WriteCheck } from "@parley/storage-lmdb";

/** Name and version of the schema of a node's data directory. */
export const SCHEMA: LmdbOptions = { name: "node", schema: 2, earlierSchemas: [1] };

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
  /** Whether writes succeed, or why they fail. In memory they always succeed. */
  checkWrites(): Promise<WriteCheck>;
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
  const environment = options.dataDir === undefined ? undefined : await LmdbEnvironment.open(options.dataDir, SCHEMA);
  let stores: Stores | undefined;
  try {
    stores = await open(environment, options, limits, onJump);
    for (const key of options.apiKeys ?? []) await stores.apiKeys.import(key);
    return stores;
  } catch (error) {
    await closeQuietly(() => stores?.close() ?? environment?.close());
    throw error;
  }
}

/** @param environment absent for stores in memory. */
async function open(
  environment: LmdbEnvironment | undefined,
  { nodeKey: given, acceptClock: accept }: NodeOptions,
  limits: NodeLimits,
  onJump: (aheadMs: number) => void,
): Promise<Stores> {
  const recordsOf = <T extends JsonObject>(name: string): Records<T> =>
    environment === undefined ? memoryRecords<T>() : storedRecords<T>(environment, name);
  const steadyClock = new SteadyClock({ environment, accept, onJump });
  const clock = new NodeClock(steadyClock);
  const now = (): number => clock.expiry();
  const records = recordsOf<DidRecord>("dids");
  const nodeKey = await openNodeKey(environment, given, firstWithKeys(records.load()));
  const dids = new Dids({ records, nodeKey, maxPerKey: limits.maxDidsPerKey, now: () => clock.lifetimeStart() });
  const inboxOptions = { limits: inboxLimits(limits), now, ownerOf: (did: string) => dids.ownerOf(did) };
  const outboundOptions = { ...queueLimits(limits), now };
  const credentials = new StoredCredentialStore(environment ?? new MemoryEnvironment(), limits.maxCredentialsPerHolder);
  await credentials.retain((did) => dids.has(did));
  const inbox = environment === undefined ? new MemoryInbox(inboxOptions) : await LmdbInbox.open(environment, inboxOptions);
  const outbound =
    environment === undefined ? new MemoryOutboundStore(outboundOptions) : await LmdbOutboundStore.open(environment, outboundOptions);
  let closing: Promise<void> | undefined;
  return {
    inbox,
    inboxShares: recordsOf("inbox-shares"),
    apiKeys: new ApiKeys(recordsOf<ApiKeyRecord>("api-keys")),
    dids,
    credentials,
    outbound,
    clock,
    steadyClock,
    onDamaged: (listener) => environment?.onDamaged(listener),
    checkWrites: () => environment?.checkWrites() ?? Promise.resolve({ ok: true }),
    close: () =>
      (closing ??= closeAll(
        () => outbound.close(),
        () => inbox.close(),
        () => steadyClock.keepNow(),
        () => environment?.close(),
      )),
  };
}

/** @param encrypted a DID whose private keys are encrypted with the node key. */
async function openNodeKey(
  environment: LmdbEnvironment | undefined,
  given: Uint8Array | undefined,
  encrypted: DidRecord | undefined,
): Promise<SealingKey> {
  if (environment === undefined) return given === undefined ? SealingKey.random() : new SealingKey(given);
  const { directory } = environment;
  const nodeKey = given === undefined ? await loadNodeKey(directory, encrypted !== undefined) : new SealingKey(given);
  if (encrypted?.keys !== undefined) checkNodeKey(encrypted.did, encrypted.keys, nodeKey, directory);
  return nodeKey;
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
