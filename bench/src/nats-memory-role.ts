// Memory of a NATS server, and of a node, for each subject of a stream, each subscription and each DID.
import { readFileSync } from "node:fs";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { JetstreamConnection } from "@parley/jetstream";
import { JetstreamRecords } from "@parley/layr8-node/jetstream";
import { startNats } from "@parley/test-nats";
import { publishWindow } from "./publish-window.ts";
import { memoryInUse, serve } from "./worker.ts";

/** Bytes for each one. */
export interface NatsMemory {
  readonly subject: number;
  readonly subscription: number;
  /** In the process that subscribes. */
  readonly subscriptionOfClient: number;
  /** A DID without keys, in a node. */
  readonly didOfNode: number;
}

const COUNT = 100_000;
const DIDS = 20_000;
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
  return { subject, subscription, subscriptionOfClient, didOfNode: await measureDids() };
}

async function measureDids(): Promise<number> {
  const connection = await JetstreamConnection.connect({ servers: urls, prefix: "pn" });
  const keyOf = ({ did }: { readonly did: string }): string => did;
  const records = await JetstreamRecords.open(connection, { name: "dids", keyOf });
  const before = memoryInUse();
  let index = 0;
  await publishWindow(DIDS, WINDOW, () => {
    const did = `did:web:node.example:agents:agent-${index++}`;
    const record = { did, storage: "persistent", ownerKeyId: "key-0123456789abcdef", createdAt: Date.now(), lastSeenAt: Date.now() };
    return records.update(did, () => record);
  });
  const bytes = (memoryInUse() - before) / DIDS;
  await records.close();
  await connection.close();
  return bytes;
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
