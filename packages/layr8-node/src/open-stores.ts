import type { JsonObject } from "@parley/core";
import { loadPeerPackage, type ServerStorage } from "@parley/server-kit";
import { AuditChains } from "./audit/audit-chains.ts";
import { NodeClock } from "./clock.ts";
import { StatusLists } from "./credentials/status/status-lists.ts";
import { StoredCredentialStore } from "./credentials/stored-credential-store.ts";
import { ApiKeys, type ApiKeyRecord } from "./identity/api-keys.ts";
import { checkNodeKey, opensKeys } from "./identity/did-keys.ts";
import { Dids } from "./identity/dids.ts";
import type { DidRecord } from "./identity/hosted-did.ts";
import { loadNodeKey } from "./identity/node-key.ts";
import { DeadLetters } from "./dead-letters/dead-letters.ts";
import { LmdbOutboundStore } from "./federation/outbound/lmdb-outbound-store.ts";
import { MemoryOutboundStore } from "./federation/outbound/memory-outbound-store.ts";
import { queueLimits } from "./federation/outbound/outbound-limits.ts";
import { LmdbInbox } from "./inbox/lmdb-inbox.ts";
import { type MediationRecord, MEDIATIONS_TABLE } from "./mediation/registrations.ts";
import { MemoryInbox } from "./inbox/memory-inbox.ts";
import { MemoryEnvironment, memoryRecords, type Records, SealingKey, storedRecords } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import type { InboxShareRecord } from "./routing/store/inbox-shares.ts";
import { inboxLimits, type Stores, type StoresOptions } from "./stores.ts";

/** Table of the status lists of issuers. */
export const STATUS_LISTS_TABLE = "status-lists";

/** Name and version of the schema of a node's data directory. */
export const SCHEMA: LmdbOptions = { name: "node", schema: 2, earlierSchemas: [1] };

/**
 * Opens the stores of a node in its storage, which closes them. Called by {@link startNode} and by the CLI.
 *
 * @throws StorageError; with NATS, a JetstreamError, or a TypeError if its package is not installed
 */
export async function openStores(storage: ServerStorage, options: StoresOptions): Promise<Stores> {
  const stores = await openOf(storage, options);
  for (const key of options.apiKeys ?? []) await stores.apiKeys.import(key);
  return stores;
}

async function openOf(storage: ServerStorage, options: StoresOptions): Promise<Stores> {
  const { natsSettings: nats, nodeKey: given, limits } = options;
  if (nats !== undefined) {
    const { openSharedStores } = await loadPeerPackage(() => import("./shared-stores.ts"), "@parley/jetstream", "nats");
    return openSharedStores(storage, nats, options);
  }
  const { environment } = storage;
  const recordsOf = <T extends JsonObject>(name: string): Records<T> =>
    environment === undefined ? memoryRecords<T>() : storedRecords<T>(environment, name);
  const clock = new NodeClock(storage.clock);
  const now = (): number => clock.expiry();
  const records = recordsOf<DidRecord>("dids");
  const nodeKey = await openNodeKey(storage.directory, given, firstWithKeys(records.load()));
  const dids = new Dids({ records, nodeKey, maxPerKey: limits.maxDidsPerKey, now: () => clock.lifetimeStart() });
  const inboxOptions = { limits: inboxLimits(limits), now, ownerOf: (did: string) => dids.ownerOf(did) };
  const outboundOptions = { ...queueLimits(limits), now };
  const credentials = new StoredCredentialStore(environment ?? new MemoryEnvironment(), limits.maxCredentialsPerHolder);
  await credentials.retain((did) => dids.has(did));
  const statusLists = new StatusLists({ records: recordsOf(STATUS_LISTS_TABLE), maxPerIssuer: limits.maxStatusListsPerIssuer });
  await statusLists.retain((did) => dids.has(did));
  const inbox = environment === undefined ? new MemoryInbox(inboxOptions) : await LmdbInbox.open(environment, inboxOptions);
  const deadLetters =
    options.deadLetters === true ? new DeadLetters(environment ?? new MemoryEnvironment(), { limits, now: () => Date.now() }) : undefined;
  const auditChains = options.audit === true ? new AuditChains(environment ?? new MemoryEnvironment()) : undefined;
  await auditChains?.retain((did) => dids.has(did));
  const outbound =
    environment === undefined ? new MemoryOutboundStore(outboundOptions) : await LmdbOutboundStore.open(environment, outboundOptions);
  storage.closeFirst(() => outbound.close());
  storage.closeFirst(() => inbox.close());
  const apiKeys = new ApiKeys(recordsOf<ApiKeyRecord>("api-keys"));
  const mediations = recordsOf<MediationRecord>(MEDIATIONS_TABLE);
  const inboxShares = recordsOf<InboxShareRecord>("inbox-shares");
  return { inbox, inboxShares, mediations, apiKeys, dids, credentials, statusLists, outbound, deadLetters, auditChains, clock };
}

/**
 * The node key: the given one, or that of the data directory.
 *
 * @param encrypted a DID whose private keys are encrypted with the node key.
 * @throws StorageError `data_dir_unusable`, `storage_failed`
 */
export async function openNodeKey(
  directory: string | undefined,
  given: Uint8Array | undefined,
  encrypted: DidRecord | undefined,
): Promise<SealingKey> {
  if (directory === undefined) return given === undefined ? SealingKey.random() : new SealingKey(given);
  const keys = encrypted?.keys;
  const opens = keys && ((key: SealingKey): boolean => opensKeys(encrypted?.did ?? "", keys, key));
  const nodeKey = given === undefined ? await loadNodeKey(directory, opens) : new SealingKey(given);
  if (encrypted?.keys !== undefined) checkNodeKey(encrypted.did, encrypted.keys, nodeKey, directory);
  return nodeKey;
}

/** The first record with private keys. */
export function firstWithKeys(records: Iterable<DidRecord>): DidRecord | undefined {
  for (const record of records) if (record.keys !== undefined) return record;
  return undefined;
}
