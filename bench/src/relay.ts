import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "./harness.ts";
import { Worker } from "./worker.ts";

/** A relay with its clients: each a process of its own. */
interface Setting {
  readonly name: string;
  readonly publisher: Worker;
  readonly subscribers: Worker;
}

const BARE = "one message per gRPC frame";
const IDLE = 500;

/** Publishing through a relay, on disk and in memory, beside what a server that puts each message into a frame of its own does at best. */
export async function relay(): Promise<void> {
  await withSettings(async (settings) => {
    for (const setting of settings) {
      await subscribe(setting, 1);
      await through(setting, 10_000);
    }
    await measure({
      title: "Publish and deliver 1 KiB, acknowledged, 256 in flight",
      unit: "messages/s",
      baseline: BARE,
      variants: settings.map((setting) => ({ name: setting.name, run: () => through(setting, 40_000) })),
    });
    await fanOut(settings, 10, 8000);
    await fanOut(settings, 100, 1000);
    for (const setting of settings) {
      await subscribe(setting, 0);
      await setting.publisher.ask({ subscribers: 1 });
      await setting.publisher.ask({ turns: 1000 });
    }
    await measure({
      title: "Publish, deliver and acknowledge 1 KiB, one at a time",
      unit: "µs",
      baseline: BARE,
      variants: settings.map(({ name, publisher }) => ({ name, run: () => publisher.ask<number>({ turns: 1000 }) })),
    });
  });
  await measure({
    title: `Memory of a relay per client with one idle subscription, ${IDLE} clients`,
    unit: "KiB",
    variants: [{ name: "our relay, in memory", run: idleMemory }],
  });
}

/** One channel with a thousand subscribers: takes minutes. */
export async function relayFanOut(): Promise<void> {
  await withSettings((settings) => fanOut(settings, 1000, 200));
}

async function fanOut(settings: readonly Setting[], subscribers: number, messages: number): Promise<void> {
  for (const setting of settings) await subscribe(setting, subscribers);
  await measure({
    title: `Publish 1 KiB to ${subscribers.toLocaleString("en")} subscribers, 256 in flight`,
    unit: "deliveries/s",
    baseline: BARE,
    variants: settings.map((setting) => ({ name: setting.name, run: async () => (await through(setting, messages)) * subscribers })),
  });
}

async function subscribe({ subscribers }: Setting, count: number): Promise<void> {
  await subscribers.ask({ subscribers: count });
}

/** Messages per second from the first one until all are acknowledged and delivered. */
async function through({ publisher, subscribers }: Setting, messages: number): Promise<number> {
  const started = performance.now();
  await Promise.all([subscribers.ask({ take: messages }), publisher.ask({ publish: messages })]);
  return (messages / (performance.now() - started)) * 1000;
}

async function idleMemory(): Promise<number> {
  const relay = new Worker("relay-role", {});
  const clients = new Worker("relay-client-role", await relay.ready);
  try {
    await clients.ready;
    await clients.ask({ subscribers: 50 });
    const before = await relay.ask<number>({});
    await clients.ask({ subscribers: 50 + IDLE });
    const after = await relay.ask<number>({});
    return (after - before) / IDLE / 1024;
  } finally {
    await clients.stop();
    await relay.stop();
  }
}

async function withSettings(work: (settings: readonly Setting[]) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const workers: Worker[] = [];
  const start = async (role: string, argument: unknown = {}): Promise<{ worker: Worker; ready: unknown }> => {
    const worker = new Worker(role, argument);
    workers.push(worker);
    return { worker, ready: await worker.ready };
  };
  const setUp = async (name: string, role: string, argument: unknown = {}): Promise<Setting> => {
    const { ready } = await start(`${role}-role`, argument);
    const client = `${role}-client-role`;
    return { name, publisher: (await start(client, ready)).worker, subscribers: (await start(client, ready)).worker };
  };
  try {
    await work([
      await setUp("our relay, on disk", "relay", { dataDir }),
      await setUp("our relay, in memory", "relay"),
      await setUp(BARE, "bare-relay"),
    ]);
  } finally {
    for (const worker of workers) await worker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
