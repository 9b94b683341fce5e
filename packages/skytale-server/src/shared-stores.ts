// What a server keeps in NATS JetStream. Loaded only by servers that share their data.
import { closeAll } from "@parley/core/internal";
import { JetstreamConnection, JetstreamError, Members } from "@parley/jetstream";
import type { NatsSettings, ServerStorage } from "@parley/server-kit";
import type { HealthCheck } from "@parley/server-kit/http";
import { JetstreamLog } from "./log/jetstream-log.ts";
import { JetstreamWelcomes } from "./log/jetstream-welcomes.ts";
import { JetstreamRegistry } from "./registry/jetstream-registry.ts";
import type { Stores, StoresOptions } from "./stores.ts";

/** Bytes of a record with an entry of the largest size. */
const MIN_PAYLOAD = 2 * 1024 * 1024;
/** How far this machine's clock may be ahead of that of the NATS server. Entries of all servers expire by it. */
const MAX_AHEAD_MS = 5 * 60_000;

/**
 * Connects to NATS, and opens what the servers there share. The storage closes it.
 *
 * @throws {@link JetstreamError} `nats_unreachable`, `nats_unsupported`, `streams_unavailable`, `clock_ahead`; StorageError `storage_failed`
 */
export async function openSharedStores(
  storage: ServerStorage,
  { nats, retention, acceptClock }: StoresOptions & { readonly nats: NatsSettings },
): Promise<Stores> {
  const connection = await JetstreamConnection.connect({ ...nats, minPayload: MIN_PAYLOAD });
  const opened: { close(): Promise<void> }[] = [connection];
  storage.closeFirst(() => closeAll(...opened.toReversed().map((store) => () => store.close())));
  const open = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const store = await opening;
    opened.push(store);
    return store;
  };
  const expiryNow = (): number => storage.clock.now();
  const members = await open(Members.open(connection, { self: { name: nats.name } }));
  if (acceptClock !== true) assertClock(members.clockAheadMs);
  const registry = await open(JetstreamRegistry.open(connection));
  const log = await open(JetstreamLog.open(connection, { expiryNow, ...(retention && { retention }) }));
  const welcomes = await open(JetstreamWelcomes.open(connection, { expiryNow }));
  const checkHealth = (): HealthCheck => {
    const membership = members.checkHealth();
    return membership.ok ? connection.checkHealth() : membership;
  };
  return {
    registry,
    logs: { log, welcomes, close: () => Promise.resolve() },
    shared: {
      checkHealth: () => Promise.resolve(checkHealth()),
      servers: () => members.count,
      onChanges: (listener) => registry.onChanges(listener),
    },
  };
}

function assertClock(aheadMs: number): void {
  if (aheadMs <= MAX_AHEAD_MS) return;
  const minutes = Math.round(aheadMs / 60_000);
  const remedy = "correct the clock, or if that of NATS is wrong, start with acceptClock (--accept-clock)";
  throw new JetstreamError("clock_ahead", `This machine's clock is ${minutes} minutes ahead of that of NATS: ${remedy}`);
}
