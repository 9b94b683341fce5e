import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuTimeOf } from "./cpu-time.ts";
import { measure, type Sample, type Variant } from "./harness.ts";
import { type Setting, through } from "./relay-settings.ts";
import { missingSlim } from "./slim-bindings.ts";
import { Worker } from "./worker.ts";

const DISK = "channel, relay and agents on disk";
const MEMORY = "channel, relay and agents in memory";
const BARE = "bare gRPC, no encryption";
const ALONE = "encrypt and decrypt alone, 2 processes";
const SLIM = "SLIM 2 with MLS";

const MESSAGES = 2048;
const REQUESTS = 200;

/** Two members of an encrypted channel and their relay, beside what the crypto alone and an unencrypted relay take, and beside SLIM. */
export async function channel(): Promise<void> {
  const workers: Worker[] = [];
  const start = <Ready>(role: string, argument: unknown): Worker<Ready> => {
    const worker = new Worker<Ready>(role, argument);
    workers.push(worker);
    return worker;
  };
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  try {
    const settings = [await channelSetting(start, DISK, dataDir), await channelSetting(start, MEMORY)];
    const missing = missingSlim();
    if (missing === undefined) settings.push(await slimSetting(start));
    else console.log(`\nNot measured: SLIM (${missing})`);
    const bare = await bareSetting(start);
    const alone = [start("mls-alone-role", "files"), start("mls-alone-role", "files")];
    await Promise.all(alone.map((worker) => worker.ready));
    for (const setting of settings) await through(setting, MESSAGES / 2);
    await measure({
      title: "Send and receive 1 KiB in a channel of two members, 256 in flight",
      unit: "messages/s",
      baseline: ALONE,
      variants: [
        ...settings.map((setting) => ({ name: setting.name, run: () => through(setting, MESSAGES) })),
        { name: ALONE, run: () => cryptoAlone(alone) },
      ],
    });
    for (const setting of settings) await request(setting, REQUESTS);
    await measure({
      title: "Send 1 KiB to the other member and get it back, one at a time",
      unit: "µs",
      baseline: BARE,
      variants: [...settings, bare].map((setting): Variant => ({ name: setting.name, run: () => request(setting, REQUESTS) })),
    });
  } finally {
    for (const worker of workers) await worker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

type Start = <Ready>(role: string, argument: unknown) => Worker<Ready>;

async function channelSetting(start: Start, name: string, dataDir?: string): Promise<Setting> {
  const at = (folder: string): { readonly dataDir?: string } => (dataDir === undefined ? {} : { dataDir: join(dataDir, folder) });
  const relay = start<object>("relay-role", at("relay"));
  const ready = await relay.ready;
  const [alice, bob] = ["alice", "bob"].map((identity) => start("channel-agent-role", { ...ready, identity, ...at(identity) }));
  if (alice === undefined || bob === undefined) throw new Error("unreachable");
  await Promise.all([alice.ready, bob.ready]);
  const keyPackage = await bob.ask<{ hex: string }>({ keyPackage: true });
  const welcome = await alice.ask<{ hex: string }>({ createWith: keyPackage.hex });
  await bob.ask({ join: welcome.hex });
  return { name, publisher: alice, subscribers: bob, pids: [relay.pid, alice.pid, bob.pid] };
}

async function slimSetting(start: Start): Promise<Setting> {
  const node = start<object>("slim-role", {});
  const ready = await node.ready;
  const alice = start("slim-agent-role", { ...ready, identity: "alice" });
  const bob = start("slim-agent-role", { ...ready, identity: "bob" });
  await Promise.all([alice.ready, bob.ready]);
  await Promise.all([bob.ask({ accept: true }), alice.ask({ invite: "bob" })]);
  return { name: SLIM, publisher: alice, subscribers: bob, pids: [node.pid, alice.pid, bob.pid] };
}

async function bareSetting(start: Start): Promise<Setting> {
  const server = start("bare-relay-role", {});
  const ready = await server.ready;
  const publisher = start("bare-relay-client-role", ready);
  const subscribers = start("bare-relay-client-role", ready);
  for (const worker of [publisher, subscribers]) {
    await worker.ready;
    await worker.ask({ subscribers: 1 });
  }
  return { name: BARE, publisher, subscribers, pids: [server.pid, publisher.pid, subscribers.pid] };
}

async function request({ publisher, subscribers }: Setting, count: number): Promise<number> {
  const [took] = await Promise.all([publisher.ask<number>({ requests: count }), subscribers.ask({ echo: count })]);
  return took;
}

/** Both processes at the same time, so that two cores are busy. */
async function cryptoAlone(workers: readonly Worker[]): Promise<Sample> {
  const pids = workers.map(({ pid }) => pid);
  const before = cpuTimeOf(pids);
  const started = performance.now();
  await Promise.all(workers.map((worker) => worker.ask({ publish: MESSAGES / workers.length })));
  const value = (MESSAGES / (performance.now() - started)) * 1000;
  const after = cpuTimeOf(pids);
  return { value, cpuUs: before === undefined || after === undefined ? undefined : (after - before) / MESSAGES };
}
