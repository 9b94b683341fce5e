import { startNode, type Layr8Node } from "@parley/layr8-node";
import { Protocol } from "@parley/envelope-and-adapters";
import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
import { Client, type InboundMessage } from "layr8";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { didcommPort, ProtocolBridge, type DidcommPortOptions } from "../../src/index.ts";
import { didcomm, json, slim } from "../support/messages.ts";
import { eventually, take, unused, world } from "../support/world.ts";

const { A2A, DIDCOMM, SLIM } = Protocol;
const BASIC = "https://didcomm.org/basicmessage/2.0/message";
const ALICE = "did:web:localhost:alice";
const BRIDGE = "did:web:localhost:bridge";
const MALLORY = "did:web:localhost:mallory";

let node: Layr8Node;
const ending: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  node = await startNode({ port: 0, logger: false });
});
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
  await node.close();
});

function client(agentDid: string): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid }, () => undefined);
  ending.push(() => made.close());
  return made;
}

/** An agent that records the messages it receives. */
async function agent(did: string): Promise<{ client: Client; got: InboundMessage[] }> {
  const got: InboundMessage[] = [];
  const made = client(did);
  made.handleAll((message) => void got.push(message));
  await made.connect();
  return { client: made, got };
}

async function connectedPort(options: Partial<DidcommPortOptions> = {}) {
  const made = client(BRIDGE);
  const port = didcommPort(made, { to: ALICE, ...options });
  ending.push(() => port.close());
  await made.connect();
  return { client: made, port };
}

describe("didcommPort", () => {
  it("receives messages with the sender that the node authenticated, and sends as its own agent", async () => {
    const alice = await agent(ALICE);
    const { port } = await connectedPort();
    const inbound = port.receive({ protocol: DIDCOMM, settle: "manual" });
    await alice.client.send({ type: BASIC, to: BRIDGE, body: { content: "hi" }, threadId: "t1" });
    const [received] = await take(inbound, 1);
    expect(received).toMatchObject({ sender: ALICE, envelope: { protocol: DIDCOMM, contentType: "application/didcomm-plain+json" } });
    expect(json(received?.envelope ?? unused())).toMatchObject({ type: BASIC, thid: "t1", from: ALICE, body: { content: "hi" } });
    await received?.settle?.();
    const forged = {
      id: "1",
      type: BASIC,
      from: "did:web:boss.example",
      to: ["did:web:other.example"],
      thid: "t1",
      body: { content: "yo" },
    };
    await port.send(didcomm(forged), { id: "first" });
    await eventually(() => expect(alice.got).toHaveLength(1));
    expect(alice.got[0]).toMatchObject({ from: BRIDGE, to: [ALICE], threadId: "t1", body: { content: "yo" } });
  });

  it("delivers repeated sends with one id once, also after a restart", async () => {
    const alice = await agent(ALICE);
    const first = await connectedPort();
    const message = didcomm({ id: "1", type: BASIC, body: { content: "once" } });
    await first.port.send(message, { id: "same" });
    await first.port.send(message, { id: "same" });
    await first.port.close();
    await first.client.close();
    const { port } = await connectedPort();
    await port.send(message, { id: "same" });
    await port.send(didcomm({ id: "2", type: BASIC, body: { content: "last" } }), { id: "other" });
    await eventually(() => expect(alice.got.map(({ body }) => body["content"])).toEqual(["once", "last"]));
  });

  it("redelivers unsettled messages under the same id", async () => {
    const alice = await agent(ALICE);
    const first = await connectedPort();
    const inbound = first.port.receive({ settle: "manual" });
    for (const content of ["1", "2", "3"]) await alice.client.send({ type: BASIC, to: BRIDGE, body: { content } });
    const [one, two] = await take(inbound, 2);
    await one?.settle?.();
    await inbound.return?.();
    const again = first.port.receive({ settle: "manual" });
    expect((await take(again, 2)).map(({ id }) => id)).toContain(two?.id);
    await first.port.close();
    await first.client.close();
    const second = await connectedPort();
    const later = await take(second.port.receive({ settle: "manual" }), 2);
    expect(later[0]?.id).toBe(two?.id);
    expect(later.map(({ envelope }) => (json(envelope)["body"] as { content: string }).content)).toEqual(["2", "3"]);
  });

  it("passes messages of other senders to the agent's other handlers", async () => {
    const [alice, mallory] = [await agent(ALICE), await agent(MALLORY)];
    const { port } = await connectedPort();
    const inbound = port.receive();
    await mallory.client.send({ type: BASIC, to: BRIDGE, body: { content: "let me in" } });
    await alice.client.send({ type: BASIC, to: BRIDGE, body: { content: "hi" } });
    const [received] = await take(inbound, 1);
    expect(received?.sender).toBe(ALICE);
  });

  it("rejects other protocols, malformed payloads and an empty list of recipients", async () => {
    const { port, client: made } = await connectedPort();
    await expect(port.send(slim("x"))).rejects.toMatchObject({ code: "untranslatable" });
    await expect(port.send(didcomm({ id: "1" }))).rejects.toMatchObject({ code: "message_invalid" });
    expect(() => didcommPort(client(MALLORY), { to: [] })).toThrow(/^Option "to" must name at least one DID/);
    for (const [given, message] of [
      [undefined, /^didcommPort needs the options \{ to: "did:…" \}, not undefined$/],
      [ALICE, /not a string$/],
      [{ to: 7 }, /^Option "to" must be a DID or a list of DIDs, not a number$/],
      [{ to: ALICE, accept: () => true }, /Did you mean "accepts"/],
    ] as const) {
      expect(() => didcommPort(client(MALLORY), given as never)).toThrow(message);
    }
    expect(() => didcommPort("did:web:x" as never, { to: ALICE })).toThrow(/^didcommPort needs a DIDComm client/);
    await made.close();
    await expect(port.send(didcomm({ id: "1", type: BASIC, body: {} }))).rejects.toMatchObject({ code: "closed", retryable: false });
    expect(await port.receive().next()).toEqual({ done: true, value: undefined });
  });
});

describe("bridge between a layr8 agent and a channel", () => {
  it("translates basic messages to A2A messages of a context, and answers to the same thread", async () => {
    const { alice: member, manager } = await world(["org/a2a/team"]);
    const alice = await agent(ALICE);
    const { port } = await connectedPort();
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge({ name: "didcomm", port }, "org/a2a/team", DIDCOMM, A2A);
    await bridge.bridge("org/a2a/team", { name: "didcomm", port }, A2A, DIDCOMM);
    const adapter = new A2aAdapter(member, { agentId: "member" });
    await adapter.openContext("team");
    await alice.client.send({ type: BASIC, to: BRIDGE, body: { content: "hello team" }, threadId: "talk" });
    const [message] = await adapter.receiveMessages("team");
    expect(message).toMatchObject({ sender: "bridge", contextId: "team", parts: [{ text: "hello team" }] });
    expect(message?.metadata?.["bridge"]).toEqual({ origin: { protocol: "didcomm", sender: ALICE, authorized: true } });
    await adapter.sendMessage("team", [{ text: "hello Alice" }, { data: { n: 1 } }], { role: "agent" });
    await eventually(() => expect(alice.got).toHaveLength(1));
    expect(alice.got[0]).toMatchObject({ type: BASIC, from: BRIDGE, body: { content: "hello Alice" }, threadId: "team" });
    expect(alice.got[0]?.attachments?.[0]?.data).toEqual({ json: { n: 1 } });
    await adapter.close();
  });

  it("delivers each message to SLIM subscribers once, across restarts of the bridge", async () => {
    const { bob, manager } = await world(["org/slim/out"]);
    const alice = await agent(ALICE);
    // From here on the node stores messages for the bridge's agent.
    await (await client(BRIDGE).connect()).close();
    const inbound = (await bob.open("org/slim/out")).receive();
    const contents = Array.from({ length: 200 }, (_, index) => `${index}`);
    const arrived = take(inbound, contents.length);
    const sending = (async () => {
      for (const content of contents) await alice.client.send({ type: BASIC, to: BRIDGE, body: { content } });
    })();
    let count = 0;
    void arrived.then(() => (count = contents.length));
    while (count < contents.length) {
      const { port, client: made } = await connectedPort();
      const bridge = new ProtocolBridge(manager);
      const running = await bridge.bridge({ name: "didcomm", port }, "org/slim/out", DIDCOMM, SLIM);
      await eventually(() => expect(count === contents.length || running.counters.forwarded > 40).toBe(true));
      await bridge.stop();
      await port.close();
      await made.close();
    }
    await sending;
    expect((await arrived).map(({ envelope }) => new TextDecoder().decode(envelope.payload))).toEqual(contents);
  });
});
