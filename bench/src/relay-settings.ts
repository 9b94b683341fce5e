import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingNats } from "@parley/test-nats";
import { cpuTimeOf } from "./cpu-time.ts";
import type { Sample } from "./harness.ts";
import { Worker } from "./worker.ts";

/** A relay with its clients: each a process of its own. */
export interface Setting {
  readonly name: string;
  readonly publisher: Worker;
  readonly subscribers: Worker;
  /** Processes whose time counts. */
  readonly pids: readonly number[];
}

/** One setting of a relay. */
export interface SettingKind {
  readonly name: string;
  /** Prefix of the names of the modules of its processes. */
  readonly role: "relay" | "bare-relay" | "nats";
  readonly argument?: object;
  /** Whether it gets a data directory. */
  readonly isDurable?: boolean;
}

export const DISK: SettingKind = { name: "our relay, on disk", role: "relay", isDurable: true };
export const MEMORY: SettingKind = { name: "our relay, in memory", role: "relay" };
export const BARE: SettingKind = { name: "bare gRPC, one message per frame", role: "bare-relay" };
/** What moving messages in batches, and storing them, costs by itself. */
export const FLOOR: readonly SettingKind[] = [
  { name: "floor: batches of messages, stored", role: "bare-relay", argument: { isBatched: true }, isDurable: true },
  { name: "floor: batches of messages", role: "bare-relay", argument: { isBatched: true } },
];
const NATS: readonly SettingKind[] = [
  { name: "NATS JetStream, no fsync", role: "nats", argument: { syncAlways: false } },
  { name: "NATS JetStream, fsync always", role: "nats", argument: { syncAlways: true } },
];

/** NATS servers, if this machine has one. */
export function natsSettings(): readonly SettingKind[] {
  const missing = missingNats(1);
  if (missing !== undefined) console.log(`\nNot measured: NATS JetStream (${missing})`);
  return missing === undefined ? NATS : [];
}

/** Starts the processes of each setting, and ends them after the work. */
export async function withSettings(kinds: readonly SettingKind[], work: (settings: readonly Setting[]) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const started: { readonly server: Worker; readonly clients: readonly Worker[]; readonly role: string }[] = [];
  try {
    const settings: Setting[] = [];
    for (const { name, role, argument, isDurable } of kinds) {
      const server = new Worker<{ readonly pid?: number }>(
        `${role}-role`,
        isDurable ? { ...argument, dataDir: join(dataDir, String(started.length)) } : (argument ?? {}),
      );
      const ready = await server.ready;
      const publisher = new Worker(`${role}-client-role`, ready);
      const subscribers = new Worker(`${role}-client-role`, ready);
      started.push({ server, clients: [publisher, subscribers], role });
      await Promise.all([publisher.ready, subscribers.ready]);
      settings.push({ name, publisher, subscribers, pids: [ready.pid ?? server.pid, publisher.pid, subscribers.pid] });
    }
    await work(settings);
  } finally {
    for (const { server, clients, role } of started) {
      await Promise.all(clients.map((client) => client.stop()));
      if (role === "nats") await server.ask({});
      await server.stop();
    }
    await rm(dataDir, { recursive: true, force: true });
  }
}

export async function subscribe({ subscribers }: Setting, count: number): Promise<void> {
  await subscribers.ask({ subscribers: count });
}

/** Messages per second from the first one until all are acknowledged and delivered, and the time of all processes for one. */
export async function through({ publisher, subscribers, pids }: Setting, messages: number): Promise<Sample> {
  const before = cpuTimeOf(pids);
  const started = performance.now();
  await Promise.all([subscribers.ask({ take: messages }), publisher.ask({ publish: messages })]);
  const value = (messages / (performance.now() - started)) * 1000;
  const after = cpuTimeOf(pids);
  return { value, cpuUs: before === undefined || after === undefined ? undefined : (after - before) / messages };
}
