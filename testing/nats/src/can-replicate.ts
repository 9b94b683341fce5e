import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";

const PROBE = "TEST_PROBE";
const AGAIN_AFTER_MS = 250;

/** Whether a fresh cluster creates a stream on three servers within a time. It has a leader before that, and refuses streams. */
export async function canReplicate(urls: readonly string[], withinMs: number): Promise<boolean> {
  const connection = await connect({ servers: [...urls] });
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5000 });
    for (const deadline = performance.now() + withinMs; performance.now() < deadline; await delay(AGAIN_AFTER_MS)) {
      const isCreated = await manager.streams.add({ name: PROBE, subjects: [PROBE], storage: "memory", num_replicas: urls.length }).then(
        () => true,
        () => false,
      );
      if (isCreated) return await manager.streams.delete(PROBE);
    }
    return false;
  } finally {
    await connection.close();
  }
}
