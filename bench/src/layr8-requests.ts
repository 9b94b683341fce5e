import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "./harness.ts";
import { CHECKOUTS, Processes } from "./processes.ts";
import type { Worker } from "./worker.ts";

const DURATION_MS = 1500;
const ECHO = "did:web:localhost:echo";

/** Request and response between two agents, through a node with its durable inbox and beside it through a bare router. */
export async function layr8Requests(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const places: { name: string; processes: Processes; asking: Worker }[] = [];
  const running: Processes[] = [];
  try {
    for (const checkout of CHECKOUTS) {
      for (const [name, options] of [
        ["node, durable inbox", { dataDir: join(dataDir, `data${checkout.suffix}`) }],
        ["node, in memory", {}],
      ] as const) {
        const processes = new Processes(checkout);
        running.push(processes);
        const { ready } = await processes.start<{ nodeUrl: string; apiKey: string }>("node-role", options);
        const endpoint = { nodeUrl: ready.nodeUrl, apiKey: ready.apiKey };
        await processes.start("echo-role", { ...endpoint, agentDids: [ECHO] });
        const { worker: asking } = await processes.start("asking-role", { ...endpoint, pairs: [{ to: ECHO }] });
        places.push({ name: name + checkout.suffix, processes, asking });
      }
    }
    for (const [name, options] of [
      ["floor, stored", { dataDir: join(dataDir, "floor") }],
      ["floor, in memory", {}],
    ] as const) {
      const processes = new Processes();
      running.push(processes);
      const { ready: router } = await processes.start<{ url: string }>("floor-router-role", options);
      await processes.start("floor-agent-role", { ...router, name: "echo" });
      const { worker: asking } = await processes.start("floor-agent-role", { ...router, name: "asking" });
      places.push({ name, processes, asking });
    }
    const processes = new Processes();
    running.push(processes);
    const { ready: router } = await processes.start<{ url: string }>("router-role");
    await processes.start("bare-echo-role", router);
    places.push({ name: "bare router", processes, asking: (await processes.start("bare-asking-role", router)).worker });

    for (const { processes: roles, asking } of places) await roles.warmUp(asking, { lanes: 64, length: 64 });
    for (const [length, lanes] of [
      [64, 1],
      [64, 64],
      [64 * 1024, 16],
    ] as const) {
      await measure({
        title: `Request and response, body of ${length} bytes, ${lanes} in flight`,
        unit: "requests/s",
        baseline: "bare router",
        variants: places.map(({ name, processes, asking }) => ({
          name,
          run: () => processes.rate(asking, { lanes, durationMs: DURATION_MS, length }),
        })),
      });
    }
  } finally {
    for (const processes of running) await processes.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
