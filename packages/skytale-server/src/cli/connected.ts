import { closeAll } from "@parley/core/internal";
import type { JetstreamConnection } from "@parley/jetstream";
import { loadPeerPackage, type NatsSettings } from "@parley/server-kit";

/** Prefix of streams if none is given. */
export const PREFIX = "ps";

/** Connects to NATS for the time of a command. @throws JetstreamError; TypeError if the package is not installed */
export async function connected(
  nats: NatsSettings,
  use: (jetstream: typeof import("@parley/jetstream"), connection: JetstreamConnection) => Promise<void>,
): Promise<void> {
  const jetstream = await loadPeerPackage(() => import("@parley/jetstream"), "@parley/jetstream", "nats");
  const connection = await jetstream.JetstreamConnection.connect(nats);
  await closeAll(
    () => use(jetstream, connection),
    () => connection.close(),
  );
}
