import { measure } from "./harness.ts";
import { Processes } from "./processes.ts";
import type { Worker } from "./worker.ts";

const DURATION_MS = 1500;
const LANES = 64;
const LENGTH = 64;
const ECHO = "did:web:localhost:echo";
const WITHOUT = "no console";

interface Node {
  readonly nodeUrl: string;
  readonly apiKey: string;
  readonly adminUrl?: string;
}

/** What the admin console costs a node in memory: off, on, and on with a page that follows all events. */
export async function consoleCost(): Promise<void> {
  const running: Processes[] = [];
  const pages = new AbortController();
  try {
    const places: { name: string; processes: Processes; asking: Worker }[] = [];
    for (const [name, options, isFollowed] of [
      [WITHOUT, {}, false],
      ["console", { adminPort: 0 }, false],
      ["console, a page follows", { adminPort: 0 }, true],
    ] as const) {
      const processes = new Processes();
      running.push(processes);
      const { ready } = await processes.start<Node>("node-role", options);
      const endpoint = { nodeUrl: ready.nodeUrl, apiKey: ready.apiKey };
      await processes.start("echo-role", { ...endpoint, agentDids: [ECHO] });
      const { worker: asking } = await processes.start("asking-role", { ...endpoint, pairs: [{ to: ECHO }] });
      if (isFollowed) void follow(ready.adminUrl ?? "", pages.signal).catch(() => undefined);
      places.push({ name, processes, asking });
    }
    for (const { asking } of places) await asking.ask<number>({ lanes: LANES, durationMs: DURATION_MS, length: LENGTH });
    await measure({
      title: `Request and response, body of ${LENGTH} bytes, ${LANES} in flight`,
      unit: "requests/s",
      baseline: WITHOUT,
      variants: places.map(({ name, processes, asking }) => ({
        name,
        run: () => processes.rate(asking, { lanes: LANES, durationMs: DURATION_MS, length: LENGTH }),
      })),
    });
  } finally {
    pages.abort();
    for (const processes of running) await processes.stop();
  }
}

/** Reads the stream of a page until the signal aborts. */
async function follow(adminUrl: string, signal: AbortSignal): Promise<void> {
  const [, token = ""] = adminUrl.split("#token=");
  const response = await fetch(new URL("/api/stream", adminUrl), { headers: { authorization: `Bearer ${token}` }, signal });
  for await (const _ of response.body ?? []);
}
