import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "./harness.ts";
import { Worker } from "./worker.ts";

const DURATION_MS = 1500;
const ECHO = "did:web:localhost:echo";

/** Request and response between two agents, through a node with its durable inbox and beside it through a bare router. */
export async function layr8Requests(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const workers: Worker[] = [];
  const start = async <Ready>(role: string, argument: unknown = {}): Promise<{ worker: Worker<Ready>; ready: Ready }> => {
    const worker = new Worker<Ready>(role, argument);
    workers.push(worker);
    return { worker, ready: await worker.ready };
  };
  try {
    const asking: { name: string; worker: Worker }[] = [];
    for (const [name, argument] of [
      ["node, durable inbox", { dataDir }],
      ["node, in memory", {}],
    ] as const) {
      const { ready: endpoint } = await start<{ nodeUrl: string; apiKey: string }>("node-role", argument);
      await start("echo-role", { ...endpoint, agentDids: [ECHO] });
      asking.push({ name, worker: (await start("asking-role", { ...endpoint, pairs: [{ to: ECHO }] })).worker });
    }
    const { ready: router } = await start<{ url: string }>("router-role");
    await start("bare-echo-role", router);
    asking.push({ name: "bare router", worker: (await start("bare-asking-role", router)).worker });

    for (const { worker } of asking) await worker.ask<number>({ lanes: 64, durationMs: DURATION_MS, length: 64 });
    for (const [length, lanes] of [
      [64, 1],
      [64, 64],
      [64 * 1024, 16],
    ] as const) {
      await measure({
        title: `Request and response, body of ${length} bytes, ${lanes} in flight`,
        unit: "requests/s",
        baseline: "bare router",
        variants: asking.map(({ name, worker }) => ({ name, run: () => worker.ask<number>({ lanes, durationMs: DURATION_MS, length }) })),
      });
    }
  } finally {
    for (const worker of workers) await worker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
