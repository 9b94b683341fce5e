import { closeAll } from "@parley/core/internal";
import { assertNoMembers, type JetstreamConnection, LogImport, LogStreams } from "@parley/jetstream";
import type { Environment } from "@parley/storage";
import { JetstreamLog } from "../log/jetstream-log.ts";
import { JetstreamWelcomes } from "../log/jetstream-welcomes.ts";
import { waitingOf } from "../log/lmdb-welcomes.ts";
import { StoredLogs } from "../log/stored-logs.ts";
import type { WelcomeClaim } from "../log/welcome-claims.ts";
import { JetstreamRegistry } from "../registry/jetstream-registry.ts";
import type { Registry, RegistryEntry } from "../registry/registry.ts";
import { StoredRegistry } from "../registry/stored-registry.ts";
import { importLog } from "./import-log.ts";

/** What was imported. */
export interface ImportCounts {
  records: number;
  channels: number;
  entries: number;
  /** Entries that retention has evicted, or that are damaged. */
  missing: number;
  welcomes: number;
  /** The data directory had been imported before, and nothing was written. */
  isRepeated: boolean;
}

const MARK = "import/directory";
const PAGE = 500;
const KEEP_ALL = { maxEntries: Infinity, maxBytes: Infinity, maxAgeMs: Infinity };

/**
 * Copies a data directory that no server uses to NATS, while no server shares the data there. Channels keep their numbers. An import that was
 * interrupted can be repeated; one that is complete is not.
 *
 * @throws TypeError if servers are running there, or it has other data; StorageError `storage_failed`; JetstreamError `streams_unavailable`
 */
export async function importDirectory(environment: Environment, connection: JetstreamConnection): Promise<ImportCounts> {
  await assertNoMembers(connection);
  const registry = await JetstreamRegistry.open(connection);
  const counts: ImportCounts = { records: 0, channels: 0, entries: 0, missing: 0, welcomes: 0, isRepeated: false };
  await closeAll(
    async () => {
      const mark = await registry.get(MARK);
      if (mark === undefined && (await registry.list("", { limit: 1 })).length > 0)
        throw new TypeError("There are accounts or channels under this prefix already: choose another one with --nats-prefix");
      counts.isRepeated = mark?.record["isComplete"] === true;
      if (mark === undefined) await registry.commit([{ key: MARK, expected: undefined, record: { isComplete: false } }]);
      counts.records = await importRegistry(new StoredRegistry(environment), registry, !counts.isRepeated);
      await importLogs(environment, connection, counts);
      if (counts.isRepeated) return;
      counts.welcomes = await importWelcomes(environment, connection);
      const { revision } = (await registry.get(MARK)) ?? {};
      await registry.commit([{ key: MARK, expected: revision, record: { isComplete: true } }]);
    },
    () => registry.close(),
  );
  return counts;
}

/** @returns the number of records of the source. */
async function importRegistry(source: Registry, target: Registry, writes: boolean): Promise<number> {
  let count = 0;
  for (let after: string | undefined; ;) {
    const page: readonly RegistryEntry[] = await source.list("", { limit: PAGE, after });
    const present = await Promise.all(page.map(({ key }) => (writes ? target.get(key) : Promise.resolve(undefined))));
    const changes = page.flatMap(({ key, record }, index) => {
      const known = present[index];
      const isSame = JSON.stringify(known?.record) === JSON.stringify(record);
      return isSame ? [] : [{ key, expected: known?.revision, record }];
    });
    // One by one: together they may be larger than a record. They share records as they wait.
    if (writes) await Promise.all(changes.map((change) => target.commit([change])));
    count += page.length;
    after = page.at(-1)?.key;
    if (page.length < PAGE) return count;
  }
}

/** Writes the logs, and then reads what their heads are there. */
async function importLogs(environment: Environment, connection: JetstreamConnection, counts: ImportCounts): Promise<void> {
  const stored = new StoredLogs(environment);
  const streams = await LogStreams.open(connection, { name: "log" });
  // Writes the usage of each channel, too.
  const target = await JetstreamLog.open(connection, { retention: KEEP_ALL });
  await closeAll(
    async () => {
      for (const log of stored.logs()) {
        if (!counts.isRepeated) {
          const { entries, missing } = await importLog(stored, log, await LogImport.open(connection, streams.placeOf(log.name)));
          counts.entries += entries;
          counts.missing += missing;
          const head = await target.head(log.name);
          // An empty log has nothing that its numbers could be read from.
          if (log.first < log.next && (head.first !== log.first || head.next !== log.next))
            throw new TypeError(`The log of ${log.name} has entries ${head.first} to ${head.next} there, not ${log.first} to ${log.next}`);
        }
        counts.channels++;
        if (counts.channels % PAGE === 0) await target.expire();
      }
      await target.expire();
    },
    () => target.close(),
  );
}

async function importWelcomes(environment: Environment, connection: JetstreamConnection): Promise<number> {
  const payloads = environment.table("welcome-payloads");
  const target = await JetstreamWelcomes.open(connection);
  let count = 0;
  await closeAll(
    async () => {
      for (const { value } of environment.table("welcomes").getRange({})) {
        const waiting = waitingOf(value);
        const payload = waiting === undefined ? undefined : payloads.get(waiting.id);
        if (waiting === undefined || payload === undefined) continue;
        await target.import(waiting, Uint8Array.from(payload));
        count++;
      }
      for (const { key, value } of environment.table("welcome-claims").getRange({}))
        await target.importClaim(Buffer.from(key).toString("hex"), JSON.parse(Buffer.from(value).toString()) as WelcomeClaim);
    },
    () => target.close(),
  );
  return count;
}
