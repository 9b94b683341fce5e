import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "./harness.ts";
import { type NatsSetup, withNats } from "./nats-setups.ts";
import { type Setting, subscribe, through } from "./relay-settings.ts";
import { Worker } from "./worker.ts";

const MESSAGES = 4000;
const MESSAGES_FSYNC = 1000;
const TURNS = 300;
const TURNS_BEFORE = 50;

/** Publish and deliver through a relay with a data directory, and through one or two that share their data. */
export async function clusterRelay(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const workers: Worker[] = [];
  try {
    await withNats(async (setups) => {
      const bench = new RelayBench(workers);
      const disk = await bench.relay({ dataDir });
      const settings = [await bench.setting("a data directory", [disk, disk], [])];
      for (const setup of setups) settings.push(...(await sharedSettings(bench, setup)));
      await measureAll(settings);
    });
  } finally {
    for (const worker of workers.toReversed()) await worker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Publisher and subscriber at one relay; with three NATS servers, at different ones too. */
async function sharedSettings(bench: RelayBench, { name, urls, pids, replicas }: NatsSetup): Promise<readonly Setting[]> {
  const shared = { nats: urls, natsReplicas: replicas, serverKey: randomBytes(32).toString("base64") };
  const relay = await bench.relay({ shared });
  const settings = [await bench.setting(name, [relay, relay], pids)];
  if (name !== "three NATS servers") return settings;
  const other = await bench.relay({ shared: { ...shared, apiKey: relay.ready.apiKey } });
  return [...settings, await bench.setting(`${name}, two relays`, [relay, other], pids)];
}

interface Relay {
  readonly ready: { readonly apiKey: string };
  readonly pid: number;
}

class RelayBench {
  readonly #workers: Worker[];

  constructor(workers: Worker[]) {
    this.#workers = workers;
  }

  async relay(argument: object): Promise<Relay> {
    const relay = new Worker<{ readonly apiKey: string }>("relay-role", argument);
    this.#workers.push(relay);
    return { ready: await relay.ready, pid: relay.pid };
  }

  async setting(name: string, [relay, other]: readonly [Relay, Relay], natsPids: readonly number[]): Promise<Setting> {
    const [publisher, subscribers] = [new Worker("relay-client-role", relay.ready), new Worker("relay-client-role", other.ready)];
    this.#workers.push(publisher, subscribers);
    await Promise.all([publisher.ready, subscribers.ready]);
    const pids = new Set([...natsPids, relay.pid, other.pid, publisher.pid, subscribers.pid]);
    return { name, publisher, subscribers, pids: [...pids] };
  }
}

async function measureAll(settings: readonly Setting[]): Promise<void> {
  const baseline = "a data directory";
  const publish = (setting: Setting) => through(setting, setting.name.includes("fsync") ? MESSAGES_FSYNC : MESSAGES);
  for (const setting of settings) {
    await subscribe(setting, 1);
    await publish(setting);
  }
  await measure({
    title: "Publish and deliver 1 KiB on one channel, 256 in flight",
    unit: "messages/s",
    baseline,
    variants: settings.map((setting) => ({ name: setting.name, run: () => publish(setting) })),
  });
  for (const setting of settings) {
    await subscribe(setting, 0);
    await setting.publisher.ask({ subscribers: 1 });
    await setting.publisher.ask({ turns: TURNS_BEFORE });
  }
  await measure({
    title: "Publish, deliver and acknowledge 1 KiB, one at a time",
    unit: "µs",
    baseline,
    variants: settings.map(({ name, publisher }) => ({ name, run: () => publisher.ask<number>({ turns: TURNS }) })),
  });
}
