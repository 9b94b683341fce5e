// What a NATS server, and a client, hold for each subject of a stream and for each subscription.
import { readFileSync } from "node:fs";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { startNats } from "@parley/test-nats";
import { publishWindow } from "./publish-window.ts";
import { memoryInUse, serve } from "./worker.ts";

/** Bytes for each one. */
export interface NatsMemory {
  readonly subject: number;
  readonly subscription: number;
  /** In the process that subscribes. */
  readonly subscriptionOfClient: number;
}

const COUNT = 100_000;
const WINDOW = 256;
const STREAM = "bench";
const payload = new Uint8Array(200).fill(7);

const { urls, servers, stop } = await startNats();
serve({}, async () => {
  try {
    return await measureMemory();
  } finally {
    await stop();
  }
});

async function measureMemory(): Promise<NatsMemory> {
  const connection = await connect({ servers: [...urls] });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: STREAM, subjects: [`${STREAM}.*`], storage: "file" });
  const client = jetstream(connection);
  // The first messages cause what every stream needs.
  await publishWindow(1000, WINDOW, () => client.publish(`${STREAM}.first`, payload));
  const subject = await perUnit(residentBytes, async () => {
    let index = 0;
    await publishWindow(COUNT, WINDOW, () => client.publish(`${STREAM}.did${index++}`, payload));
  });
  const before = memoryInUse();
  const subscription = await perUnit(residentBytes, async () => {
    for (let index = 0; index < COUNT; index++) connection.subscribe(`feed.did${index}`, { callback: () => undefined });
    await connection.flush();
  });
  const subscriptionOfClient = (memoryInUse() - before) / COUNT;
  await connection.close();
  return { subject, subscription, subscriptionOfClient };
}

async function perUnit(read: () => number, work: () => Promise<void>): Promise<number> {
  const before = read();
  await work();
  return (read() - before) / COUNT;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${servers[0]?.pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
