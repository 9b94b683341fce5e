import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, PhoenixTransport, type Config } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const PATIENCE = { timeout: 60_000, interval: 50 };

let node: Layr8Node;
let clients: Client[];

function client(config: Config = {}): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: node.apiKey, ...config }, () => {});
  clients.push(made);
  return made;
}

beforeEach(async () => {
  clients = [];
  node = await startNode({ port: 0, logger: false });
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

describe("an agent that reads small frames only", () => {
  it("reconnects after a too large message and receives all others, and the sender of the large one gets a report", async () => {
    const transport = new PhoenixTransport({
      nodeUrl: node.url,
      apiKey: node.apiKey ?? "",
      limits: { maxFrameLength: 20_000 },
      backoff: { initialMs: 50, maxMs: 100 },
    });
    const got: { readonly n: unknown; readonly losses: number }[] = [];
    let losses = 0;
    const small = ["did:web:localhost:small", "did:web:localhost:neighbour"].map((agentDid) => {
      const agent = client({ agentDid, transport });
      agent.handle(`${ECHO}/request`, ({ body }) => void got.push({ n: body["n"], losses }));
      return agent;
    });
    for (const agent of small) await agent.connect();
    small[0]?.onDisconnect(() => (losses += 1));

    const sender = await client().connect();
    const text = "語".repeat(10_000);
    const large = sender.request({ type: `${ECHO}/request`, to: "did:web:localhost:small", body: { text } }, { timeoutMs: 90_000 });
    large.catch(() => undefined);
    for (const n of [1, 2]) await sender.send({ type: `${ECHO}/request`, to: "did:web:localhost:small", body: { n } });
    await sender.send({ type: `${ECHO}/request`, to: "did:web:localhost:neighbour", body: { n: 3 } });

    await expect.poll(() => new Set(got.map(({ n }) => n)), PATIENCE).toEqual(new Set([1, 2, 3]));
    expect(Math.max(...got.map((entry) => entry.losses))).toBeLessThanOrEqual(1);
    await expect(large).rejects.toMatchObject({ code: "e.p.msg.too-large" });
    expect(losses).toBeLessThanOrEqual(3);
    await sender.send({ type: `${ECHO}/request`, to: "did:web:localhost:small", body: { n: 4 } });
    await expect.poll(() => got.at(-1)?.n, PATIENCE).toBe(4);
  }, 120_000);
});
