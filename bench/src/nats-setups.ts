import { missingNats, type NatsServers, startNats } from "@parley/test-nats";

/** NATS servers on which our servers share their data. */
export interface NatsSetup {
  readonly name: string;
  readonly replicas: 1 | 3;
  readonly urls: readonly string[];
  /** Processes whose time counts. */
  readonly pids: readonly number[];
}

const KINDS = [
  { name: "one NATS server", count: 1, syncAlways: false },
  { name: "three NATS servers", count: 3, syncAlways: false },
  { name: "three NATS servers, fsync always", count: 3, syncAlways: true },
] as const;

/** Starts NATS servers in each set-up, and ends them after the work. Says so if they are missing. */
export async function withNats(work: (setups: readonly NatsSetup[]) => Promise<void>): Promise<void> {
  const missing = missingNats(3);
  if (missing !== undefined) return console.log(`\nNot measured: ${missing}`);
  const started: NatsServers[] = [];
  try {
    const setups: NatsSetup[] = [];
    for (const { name, count, syncAlways } of KINDS) {
      const nats = await startNats({ count, syncAlways });
      started.push(nats);
      setups.push({ name, replicas: count, urls: nats.urls, pids: nats.servers.flatMap(({ pid }) => pid ?? []) });
    }
    await work(setups);
  } finally {
    await Promise.all(started.map((nats) => nats.stop()));
  }
}
