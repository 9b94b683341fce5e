import { measure } from "./harness.ts";
import { BARE, DISK, FLOOR, MEMORY, natsSettings, type Setting, subscribe, through, withSettings } from "./relay-settings.ts";
import { Worker } from "./worker.ts";

/** Clients that do nothing. */
const IDLE_CLIENTS = [200, 1000] as const;
/** Clients before memory is measured: they cause what the first ones need. */
const WARM_CLIENTS = 50;
/** Subscriptions of one client that do nothing. */
const SUBSCRIPTIONS = 500;
/** Turns before the first measurement: V8 compiles the code in some thousand of them. */
const WARM_TURNS = 5000;

/** Publishing through a relay, on disk and in memory, beside what a server that puts each message into a frame of its own does at best. */
export async function relay(): Promise<void> {
  await withSettings([DISK, MEMORY, ...FLOOR, BARE, ...natsSettings()], async (settings) => {
    for (const setting of settings) {
      await subscribe(setting, 1);
      await through(setting, countFor(setting, 20_000));
    }
    await measure({
      title: "Publish and deliver 1 KiB, acknowledged, 256 in flight",
      unit: "messages/s",
      baseline: BARE.name,
      variants: settings.map((setting) => ({ name: setting.name, run: () => through(setting, countFor(setting, 20_000)) })),
    });
  });
}

/** A server that flushes each message gets fewer of them. */
function countFor({ name }: Setting, messages: number): number {
  return name.includes("fsync always") ? messages / 16 : messages;
}

/** The same with one message in flight. */
export async function relayLatency(): Promise<void> {
  await withSettings([DISK, MEMORY, ...FLOOR, BARE, ...natsSettings()], async (settings) => {
    for (const setting of settings) {
      await subscribe(setting, 0);
      await setting.publisher.ask({ subscribers: 1 });
      await setting.publisher.ask({ turns: WARM_TURNS });
    }
    await measure({
      title: "Publish, deliver and acknowledge 1 KiB, one at a time",
      unit: "µs",
      baseline: BARE.name,
      variants: settings.map(({ name, publisher }) => ({ name, run: () => publisher.ask<number>({ turns: 500 }) })),
    });
  });
}

/** One publisher and many subscribers of one channel. */
export async function relayFanOut(): Promise<void> {
  await withSettings([DISK, MEMORY, ...FLOOR, BARE], async (settings) => {
    await fanOut(settings, 10, 2000);
    await fanOut(settings, 100, 300);
    await fanOut(settings, 1000, 30);
  });
}

async function fanOut(settings: readonly Setting[], subscribers: number, messages: number): Promise<void> {
  for (const setting of settings) {
    await subscribe(setting, subscribers);
    await through(setting, messages);
  }
  await measure({
    title: `Publish 1 KiB to ${subscribers.toLocaleString("en")} subscribers, 256 in flight`,
    unit: "deliveries/s",
    baseline: BARE.name,
    variants: settings.map((setting) => ({ name: setting.name, run: () => deliveries(setting, messages, subscribers) })),
  });
}

async function deliveries(setting: Setting, messages: number, subscribers: number): ReturnType<typeof through> {
  const { value, cpuUs } = await through(setting, messages);
  return { value: value * subscribers, cpuUs: cpuUs === undefined ? undefined : cpuUs / subscribers };
}

/** Memory of a relay with many clients that do nothing, and with a client that has many subscriptions. */
export async function relayMemory(): Promise<void> {
  await measure({
    title: "Memory of a relay for each idle client with one subscription",
    unit: "KiB",
    baseline: BARE.name,
    variants: [
      ...IDLE_CLIENTS.map((count) => ({ name: `${MEMORY.name}, ${count} clients`, run: () => memoryPerClient("relay", count) })),
      { name: BARE.name, run: () => memoryPerClient("bare-relay", IDLE_CLIENTS[0]) },
    ],
  });
  await measure({
    title: `Memory of a relay for each idle subscription of one client, ${SUBSCRIPTIONS} channels`,
    unit: "KiB",
    variants: [{ name: MEMORY.name, run: () => memoryOfSubscriptions() }],
  });
}

function memoryPerClient(role: string, count: number): Promise<number> {
  return withServer(role, async (server, clients) => {
    await clients.ask({ subscribers: WARM_CLIENTS });
    const before = await server.ask<number>({});
    await clients.ask({ subscribers: WARM_CLIENTS + count });
    return ((await server.ask<number>({})) - before) / count / 1024;
  });
}

function memoryOfSubscriptions(): Promise<number> {
  return withServer("relay", async (server, clients) => {
    const { names } = await server.ask<{ readonly names: readonly string[] }>({ channels: SUBSCRIPTIONS + 1 });
    const before = await server.ask<number>({});
    await clients.ask({ subscribeTo: names });
    return ((await server.ask<number>({})) - before) / SUBSCRIPTIONS / 1024;
  });
}

async function withServer(role: string, work: (server: Worker, clients: Worker) => Promise<number>): Promise<number> {
  const server = new Worker(`${role}-role`, {});
  const clients = new Worker(`${role}-client-role`, await server.ready);
  try {
    await clients.ready;
    return await work(server, clients);
  } finally {
    await clients.stop();
    await server.stop();
  }
}
