// What a node keeps in NATS JetStream. Loaded only by nodes that share their data.
import { closeAll } from "@parley/core/internal";
import { JetstreamConnection, type Lease, Leases, Members } from "@parley/jetstream";
import type { NatsSettings, ServerStorage } from "@parley/server-kit";
import type { HealthCheck } from "@parley/server-kit/http";
import { memoryRecords, SealingKey } from "@parley/storage";
import { NodeClock } from "./clock.ts";
import { checkPolicies } from "./cluster/check-policies.ts";
import { keyOfBlock, SHARED_STATUS_LISTS, type StatusBlock } from "./credentials/status/status-block.ts";
import { StatusLists } from "./credentials/status/status-lists.ts";
import { MailboxCluster } from "./cluster/mailbox-cluster.ts";
import { NodeNames } from "./cluster/node-names.ts";
import { nodeToken } from "./cluster/node-token.ts";
import { queueLimits } from "./federation/outbound/outbound-limits.ts";
import { ApiKeys, type ApiKeyRecord } from "./identity/api-keys.ts";
import { Dids } from "./identity/dids.ts";
import type { DidRecord } from "./identity/hosted-did.ts";
import { JetstreamCredentialStore } from "./jetstream/jetstream-credential-store.ts";
import { JetstreamDeadLetters } from "./jetstream/jetstream-dead-letters.ts";
import { JetstreamInbox } from "./jetstream/jetstream-inbox.ts";
import { JetstreamNonces } from "./jetstream/jetstream-nonces.ts";
import { JetstreamOutboundStore } from "./jetstream/jetstream-outbound-store.ts";
import { JetstreamRecords } from "./jetstream/jetstream-records.ts";
import { LiveAgents } from "./jetstream/live-agents.ts";
import { type MediationRecord, SHARED_MEDIATIONS } from "./mediation/registrations.ts";
import { WalletNotices } from "./jetstream/wallet-notices.ts";
import { inboxAgeMs, inboxLimits, type Stores, type StoresOptions } from "./stores.ts";

/** How often a DID's time of last use is written: nodes see which DIDs are connected anywhere. */
const TOUCH_EVERY_MS = 60 * 60_000;
const ACQUIRE_EVERY_MS = 5000;

/**
 * Connects to NATS, and opens what the nodes there share. The storage closes it.
 *
 * @throws JetstreamError `nats_unreachable`, `nats_unsupported`, `streams_unavailable`; StorageError `storage_failed`, `data_dir_unusable` (the
 *   node key is not that of the other nodes); TypeError (policies differ from those of other nodes)
 */
export async function openSharedStores(
  storage: ServerStorage,
  nats: NatsSettings,
  { nodeKey: given, limits, policies = [], allowMixedPolicies = false, deadLetters: keepsDeadLetters = false }: StoresOptions,
): Promise<Stores> {
  const connection = await JetstreamConnection.connect({ ...nats, minPayload: 2 * limits.maxMessageLength + 64 * 1024 });
  const opened: { close(): Promise<unknown> }[] = [connection];
  storage.closeFirst(() => closeAll(...opened.toReversed().map((store) => () => store.close())));
  const open = async <T extends { close(): Promise<unknown> }>(opening: Promise<T>): Promise<T> => {
    const store = await opening;
    opened.push(store);
    return store;
  };
  const clock = new NodeClock(storage.clock);
  const now = (): number => clock.expiry();
  const instance = nats.name;
  const names = await open(NodeNames.open(connection, instance));
  const members = await open(Members.open(connection, { self: { name: instance } }));
  await checkPolicies(connection, policies, async () => {
    if (allowMixedPolicies) return [];
    return (await members.list()).flatMap(({ name }) => (typeof name === "string" && name !== instance ? [name] : []));
  });
  const maintenance = await open(Maintenance.open(connection));
  const keyRecords = await open(JetstreamRecords.open<ApiKeyRecord>(connection, { name: "keys", keyOf: ({ id }) => id }));
  const didRecords = await open(JetstreamRecords.open<DidRecord>(connection, { name: "dids", keyOf: ({ did }) => did }));
  const dids = new Dids({
    records: didRecords,
    nodeKey: new SealingKey(given ?? new Uint8Array()),
    maxPerKey: limits.maxDidsPerKey,
    touchEveryMs: TOUCH_EVERY_MS,
    now: () => clock.lifetimeStart(),
  });
  const inbox = await open(
    JetstreamInbox.open(connection, {
      limits: inboxLimits(limits),
      now,
      ownerOf: (did) => dids.ownerOf(did),
      maxAgeMs: inboxAgeMs(limits),
      instance,
      servers: () => members.count,
      running: async () => new Set((await members.list()).flatMap(({ name }) => (typeof name === "string" ? [name] : []))),
    }),
  );
  const credentials = await JetstreamCredentialStore.open(connection, limits.maxCredentialsPerHolder);
  const statusRecords = await open(JetstreamRecords.open<StatusBlock>(connection, { name: SHARED_STATUS_LISTS, keyOf: keyOfBlock }));
  const statusLists = new StatusLists({ records: statusRecords, maxPerIssuer: limits.maxStatusListsPerIssuer });
  const nonces = await JetstreamNonces.open(connection, { windowMs: limits.nonceWindowMs, maxEntries: limits.maxNonces });
  const mediations = await open(JetstreamRecords.open<MediationRecord>(connection, { name: SHARED_MEDIATIONS, keyOf: ({ did }) => did }));
  const live = await open(LiveAgents.open({ connection, members }));
  const wallets = await open(WalletNotices.open(connection));
  const deadLetters = keepsDeadLetters ? await open(JetstreamDeadLetters.open(connection, { limits, now: () => Date.now() })) : undefined;
  const node = nodeToken(instance);
  const outbound = await open(JetstreamOutboundStore.open(connection, { ...queueLimits(limits), now, node }));
  const checkHealth = (): HealthCheck => {
    const membership = members.checkHealth();
    return membership.ok ? connection.checkHealth() : membership;
  };
  return {
    inbox,
    inboxShares: memoryRecords(),
    apiKeys: new ApiKeys(keyRecords),
    mediations,
    dids,
    credentials,
    statusLists,
    outbound,
    deadLetters,
    clock,
    shared: {
      nonces,
      wallets,
      mediation: { live, waiting: () => inbox.mediated },
      checkHealth: () => Promise.resolve(checkHealth()),
      isCutOff: () => !members.checkHealth().ok,
      servers: () => members.count,
      maintains: () => maintenance.isHeld,
      unattended: () => inbox.unattended.summary(now()),
      shareMailboxes: async (mailboxes, onFailure) => {
        const now = (): number => clock.monotonic();
        const maintains = (): boolean => maintenance.isHeld;
        const onOwner = (did: string): void => inbox.unattended.touch(did);
        const cluster = await open(MailboxCluster.open({ connection, members, mailboxes, now, onFailure, maintains, onOwner }));
        mailboxes.shareWith(cluster);
        inbox.unattended.useConnections((did) => mailboxes.isConnected(did));
        names.watch((ended, signal) => outbound.takeOver(ended, signal), maintains, onFailure);
        return cluster;
      },
    },
  };
}

/** The lease of the node that does what one node does for all. */
class Maintenance {
  readonly #leases: Leases;
  #lease: Lease | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(leases: Leases) {
    this.#leases = leases;
  }

  static async open(connection: JetstreamConnection): Promise<Maintenance> {
    const maintenance = new Maintenance(await Leases.open(connection, { name: "maintenance" }));
    await maintenance.#acquire();
    maintenance.#timer = setInterval(() => void maintenance.#acquire(), ACQUIRE_EVERY_MS).unref();
    return maintenance;
  }

  get isHeld(): boolean {
    return this.#lease?.lost.aborted === false;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#lease?.release();
  }

  async #acquire(): Promise<void> {
    if (this.isHeld) return;
    // Without NATS, no node holds it.
    this.#lease = await this.#leases.acquire("node").catch(() => undefined);
  }
}
