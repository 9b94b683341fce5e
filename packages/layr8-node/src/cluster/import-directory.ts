import type { JsonObject } from "@parley/core";
import { assertNoMembers, type JetstreamConnection, SharedTable } from "@parley/jetstream";
import { type Environment, storedRecords } from "@parley/storage";
import type { ApiKeyRecord } from "../identity/api-keys.ts";
import type { DidRecord } from "../identity/hosted-did.ts";
import { DeadLetters } from "../dead-letters/dead-letters.ts";
import { pagesOf } from "../inbox/pages.ts";
import { JetstreamCredentialStore } from "../jetstream/jetstream-credential-store.ts";
import { JetstreamDeadLetters } from "../jetstream/jetstream-dead-letters.ts";
import { JetstreamInbox } from "../jetstream/jetstream-inbox.ts";
import { JetstreamOutboundStore } from "../jetstream/jetstream-outbound-store.ts";
import { JetstreamRecords } from "../jetstream/jetstream-records.ts";
import { queueOf } from "../mediation/mediated-queue.ts";
import { type MediationRecord, MEDIATIONS_TABLE, SHARED_MEDIATIONS } from "../mediation/registrations.ts";
import type { NodeLimits } from "../options.ts";
import type { StoredEntry } from "../federation/outbound/outbound-store.ts";
import { queueLimits } from "../federation/outbound/outbound-limits.ts";
import { inboxAgeMs, inboxLimits, type Stores } from "../stores.ts";
import { keyOfBlock, SHARED_STATUS_LISTS, type StatusBlock } from "../credentials/status/status-block.ts";
import { STATUS_LISTS_TABLE } from "../open-stores.ts";
import { NodeNames } from "./node-names.ts";
import { nodeToken } from "./node-token.ts";

/** An open data directory. */
export interface ImportSource {
  readonly environment: Environment;
  readonly stores: Stores;
  readonly limits: NodeLimits;
}

/** What was imported. */
export interface ImportCounts {
  readonly keys: number;
  readonly dids: number;
  /** Messages in inboxes, and envelopes at the mediator. */
  readonly messages: number;
  readonly credentials: number;
  /** Blocks of status lists, of 512 entries each. */
  readonly statusBlocks: number;
  /** Messages for other domains. */
  readonly outbound: number;
  readonly deadLetters: number;
  /** The data directory had been imported before, and nothing was written. */
  readonly isRepeated: boolean;
}

const MARK = "import";
/** Name of a node that does not exist: one of the others takes its messages over. */
const NO_NODE = "import";
const COMPLETE = "complete";
const PAGE = 100;
/** DIDs whose inboxes and credentials are copied at the same time. */
const PARALLEL = 16;
const NOTHING = { keys: 0, dids: 0, messages: 0, credentials: 0, statusBlocks: 0, outbound: 0, deadLetters: 0 };

/**
 * Copies a data directory that no node uses to NATS, while no node shares the data there. Inboxes and credentials keep their order. An import that was
 * interrupted can be repeated; one that is complete is not.
 *
 * @param nodeName the node that is to send the messages for other domains. Default: one of those that share the data.
 * @throws TypeError if nodes are running there, or it has other data; StorageError `storage_failed`; JetstreamError `streams_unavailable`
 */
export async function importDirectory(
  source: ImportSource,
  connection: JetstreamConnection,
  nodeName: string | undefined,
): Promise<ImportCounts> {
  const { environment, stores } = source;
  await assertNoMembers(connection);
  const waiting = [...stores.outbound.entries()];
  const deadLetters = new DeadLetters(environment, { limits: source.limits, now: () => Date.now() });
  const mark = await ImportMark.open(connection);
  const keys = await JetstreamRecords.open<ApiKeyRecord>(connection, { name: "keys", keyOf: ({ id }) => id });
  const dids = await JetstreamRecords.open<DidRecord>(connection, { name: "dids", keyOf: ({ did }) => did });
  try {
    if (mark.value === COMPLETE) return { ...NOTHING, isRepeated: true };
    if (mark.value === undefined && [...keys.load(), ...dids.load()].length > 0)
      throw new TypeError("There are API keys or DIDs under this prefix already: choose another one with --nats-prefix");
    await mark.write("started");
    const counts = {
      keys: await copyRecords(storedRecords<ApiKeyRecord>(environment, "api-keys").load(), keys, ({ id }) => id),
      dids: await copyRecords(storedRecords<DidRecord>(environment, "dids").load(), dids, ({ did }) => did),
      statusBlocks: await copyStatusLists(environment, connection),
      ...(await copyHoldings(source, connection)),
      outbound: await copyOutbound(source, waiting, connection, nodeName ?? NO_NODE),
      deadLetters: await copyDeadLetters(source, deadLetters, connection),
    };
    await mark.write(COMPLETE);
    return { ...counts, isRepeated: false };
  } finally {
    await Promise.all([mark.close(), keys.close(), dids.close()]);
  }
}

async function copyRecords<T extends JsonObject>(
  source: Iterable<T>,
  target: JetstreamRecords<T>,
  keyOf: (record: T) => string,
): Promise<number> {
  const records = [...source];
  await inParallel(records, async (record) => void (await target.update(keyOf(record), (present) => present ?? record)));
  return records.length;
}

async function copyStatusLists(environment: Environment, connection: JetstreamConnection): Promise<number> {
  const target = await JetstreamRecords.open<StatusBlock>(connection, { name: SHARED_STATUS_LISTS, keyOf: keyOfBlock });
  try {
    return await copyRecords(storedRecords<StatusBlock>(environment, STATUS_LISTS_TABLE).load(), target, keyOfBlock);
  } finally {
    await target.close();
  }
}

async function copyMediations(mediations: Iterable<MediationRecord>, connection: JetstreamConnection): Promise<void> {
  const target = await JetstreamRecords.open<MediationRecord>(connection, { name: SHARED_MEDIATIONS, keyOf: ({ did }) => did });
  try {
    await copyRecords(mediations, target, ({ did }) => did);
  } finally {
    await target.close();
  }
}

/** Copies the inboxes and credentials of all DIDs, and the mediator's queues. */
async function copyHoldings(
  { environment, stores: { inbox, credentials, dids }, limits }: ImportSource,
  connection: JetstreamConnection,
): Promise<{ readonly messages: number; readonly credentials: number }> {
  const targetInbox = await JetstreamInbox.open(connection, { limits: inboxLimits(limits), maxAgeMs: inboxAgeMs(limits) });
  const targetCredentials = await JetstreamCredentialStore.open(connection, Number.POSITIVE_INFINITY);
  const counts = { messages: 0, credentials: 0 };
  const importBox = async (name: string): Promise<void> => {
    const imported = await targetInbox.import(name, pagesOf(await inbox.peek(name)));
    // Read after the wait: others count at the same time.
    counts.messages += imported;
  };
  try {
    await inParallel(dids.all(), async ({ did }) => {
      await importBox(did);
      for (let after: number | undefined; ;) {
        const page = await credentials.list(did, { limit: PAGE, after });
        for (const credential of page.credentials) await targetCredentials.import(credential);
        counts.credentials += page.credentials.length;
        after = page.next;
        if (after === undefined) return;
      }
    });
    const mediations = [...storedRecords<MediationRecord>(environment, MEDIATIONS_TABLE).load()];
    await copyMediations(mediations, connection);
    await inParallel(mediations, async ({ did }) => {
      await importBox(queueOf(did));
    });
  } finally {
    await targetInbox.close();
  }
  return counts;
}

async function copyOutbound(
  { stores: { outbound }, limits }: ImportSource,
  waiting: readonly StoredEntry[],
  connection: JetstreamConnection,
  nodeName: string,
): Promise<number> {
  if (waiting.length === 0) return 0;
  await NodeNames.list(connection, nodeName);
  const target = await JetstreamOutboundStore.open(connection, { ...queueLimits(limits), node: nodeToken(nodeName) });
  try {
    // The same message again is a duplicate, so an import can be continued.
    for (const entry of waiting) {
      const appended = await target.append(outbound.read(entry));
      if (appended.status === "stored") await appended.durable;
    }
  } finally {
    await target.close();
  }
  return waiting.length;
}

/** Copies dead letters, the oldest ones first. Damaged ones are left out. */
async function copyDeadLetters({ limits }: ImportSource, source: DeadLetters, connection: JetstreamConnection): Promise<number> {
  const letters = source.list({ limit: source.size });
  if (letters.length === 0) return 0;
  const target = await JetstreamDeadLetters.open(connection, { limits, now: () => Date.now() });
  let count = 0;
  try {
    for (const { id } of letters.toReversed()) {
      const stored = await source.read(id);
      if (stored === undefined) continue;
      await target.import(stored);
      count++;
    }
  } finally {
    await target.close();
  }
  return count;
}

/** How far the import has come. */
class ImportMark {
  value: string | undefined;
  #table!: SharedTable;

  static async open(connection: JetstreamConnection): Promise<ImportMark> {
    const mark = new ImportMark();
    mark.#table = await SharedTable.open(
      connection,
      { name: "meta" },
      {
        onEntry: ({ key, value }) => {
          if (key === MARK) mark.value = Buffer.from(value).toString();
        },
        onRemoved: () => undefined,
      },
    );
    return mark;
  }

  async write(value: string): Promise<void> {
    await this.#table.put(MARK, Buffer.from(value));
  }

  close(): Promise<void> {
    return this.#table.close();
  }
}

async function inParallel<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const next = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let item = next.next(); item.done !== true; item = next.next()) await work(item.value);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
