import type { Layr8Node } from "@parley/layr8-node";
import { describeUnless } from "@parley/test-assertions";
import { Client } from "layr8";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DoubleAgents, missingPython, type DoubleAgent, type DoubleAgentOptions } from "../src/index.ts";
import { startNodes } from "./nodes.ts";
import { ECHO, KEY } from "./scene.ts";

const ALICE = "did:web:sender.localhost:alice";
const BOB = "did:web:home.localhost:bob";
const MEDIATOR = "did:web:mediator.localhost:inbox";
const NAMES = ["sender", "mediator", "home"] as const;
type Name = (typeof NAMES)[number];
const ECHOING = { type: `${ECHO}/request`, action: "reply" as const, replyType: `${ECHO}/response` };

describeUnless(missingPython(), "agents of layr8's SDKs with a mediator on another node", () => {
  let nodes: Map<Name, Layr8Node>;
  let doubles: DoubleAgents;

  beforeEach(async () => {
    nodes = await startNodes(NAMES, (name) => (name === "mediator" ? { mediator: MEDIATOR } : {}));
    doubles = new DoubleAgents();
  });

  afterEach(async () => {
    try {
      await doubles.close();
    } finally {
      await Promise.all(Array.from(nodes.values(), (node) => node.close()));
    }
  });

  const double = (name: Name, did: string, more: Partial<DoubleAgentOptions> = {}): Promise<DoubleAgent> =>
    doubles.agent({ url: nodes.get(name)?.url ?? "", apiKey: KEY, did, backoff: 0.05, ...more });
  const waiting = async (agent: DoubleAgent): Promise<unknown> =>
    ((await agent.call("mediatorStatus", { mediator: MEDIATOR })) as { message_count: number }).message_count;

  it.each(["node", "python", "go", "oldest"] as const)(
    "of the generation %s collect what came while they were away",
    async (generation) => {
      const alice = await double("sender", ALICE, { generation, handlers: [{ type: ECHOING.replyType, action: "none" }] });
      const bob = await double("home", BOB, { generation, handlers: [ECHOING], mediated: true });
      expect(await bob.call("bootstrap", { mediator: MEDIATOR, live: false })).toEqual({ routing: [MEDIATOR], collected: 0 });
      expect(await bob.call("recipients", { mediator: MEDIATOR })).toEqual([BOB]);
      await bob.close();
      for (let n = 0; n < 12; n++) await alice.send({ type: `${ECHO}/request`, to: [BOB], body: { n } });
      const back = await double("home", BOB, { generation, handlers: [ECHOING], mediated: true });
      await expect.poll(() => waiting(back)).toBe(12);
      expect(await back.call("bootstrap", { mediator: MEDIATOR })).toMatchObject({ collected: 12 });
      for (let n = 0; n < 12; n++)
        expect(await back.message(({ type }) => type === ECHOING.type)).toMatchObject({ from: ALICE, body: { n } });
      expect(await waiting(back)).toBe(0);
      await alice.message(({ type }) => type === ECHOING.replyType);
    },
  );

  it("get messages at once in live mode, and again after a lost connection", async () => {
    const alice = await double("sender", ALICE);
    const bob = await double("home", BOB, { handlers: [ECHOING], mediated: true });
    await bob.call("bootstrap", { mediator: MEDIATOR });
    const ask = (n: number): Promise<unknown> => alice.request({ type: `${ECHO}/request`, to: [BOB], body: { n } });
    expect(await ask(1)).toMatchObject({ from: BOB, body: { n: 1 } });
    await bob.kill();
    await bob.event("reconnect");
    // As SDKs do it on each connect.
    await bob.call("bootstrap", { mediator: MEDIATOR });
    expect(await ask(2)).toMatchObject({ from: BOB, body: { n: 2 } });
  });

  it("get requests of Parley's SDK, and answer them", async () => {
    const bob = await double("home", BOB, { generation: "python", handlers: [ECHOING], mediated: true });
    await bob.call("bootstrap", { mediator: MEDIATOR });
    const alice = new Client({ nodeUrl: nodes.get("sender")?.url, apiKey: KEY, agentDid: ALICE, attachGrants: false }, () => {});
    await alice.connect();
    expect(await alice.request({ type: `${ECHO}/request`, to: BOB, body: { n: 1 } })).toMatchObject({ from: BOB, body: { n: 1 } });
    await alice.close();
  });
});
