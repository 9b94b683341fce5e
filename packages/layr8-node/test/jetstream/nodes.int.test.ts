import { describeUnless } from "@parley/test-assertions";
import { HoldingProxy, missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import { NodeProcess } from "../federation/node-process.ts";
import { KEY } from "../federation/pair.ts";
import { RawAgent, type RawJoin } from "../raw-agent.ts";
import { NODE_KEY, useSharedNodes } from "./shared-nodes.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const CHAT = "https://example.com/chat/1.0";
const CAROL = "did:web:node.example:agents:caro";
const DAVE = "did:web:node.example:agents:dave";
const ALICE = "did:web:node.example:agents:alice";
const BOB = "did:web:node.example:agents:bob";

describeUnless(missingNats(1), "nodes with the same data", () => {
  const shared = useSharedNodes();
  const { nats, start } = shared;

  async function join(node: { readonly url: string }, did: string, more: RawJoin = {}): Promise<RawAgent> {
    const agent = await RawAgent.join(node as Layr8Node, { did, protocols: [ECHO], apiKey: KEY, ...more });
    onTestFinished(() => agent.close());
    return agent;
  }

  const message = (id: string, from: string, to: string): object => ({ id, type: `${ECHO}/request`, from, to: [to], body: {} });

  it("need a node key, and a name of their own", async () => {
    const options = { port: 0, logger: false, nats: nats.urls, natsPrefix: shared.prefix } as const;
    await expect(startNode(options)).rejects.toThrow(/nodeKey/);
    await expect(startNode({ ...options, nodeKey: NODE_KEY })).rejects.toThrow(/nodeName/);
  });

  it("pass on messages between their agents", async () => {
    const [one, other] = [await start(), await start()];
    const [alice, bob] = [await join(one, ALICE), await join(other, BOB)];
    expect(await alice.send(message("1", ALICE, BOB))).toMatchObject({ status: "ok" });
    expect((await bob.receive()).plaintext).toMatchObject({ id: "1", from: ALICE });
    bob.ack("1");
    expect(await bob.send(message("2", BOB, ALICE))).toMatchObject({ status: "ok" });
    expect((await alice.receive()).plaintext).toMatchObject({ id: "2", from: BOB });
    alice.ack("2");
  });

  it("deliver to connections of one DID at several nodes, by protocol, in the order in which these were bound", async () => {
    const [one, other] = [await start(), await start()];
    const alice = await join(other, ALICE);
    const left = await join(one, CAROL, { protocols: [ECHO, CHAT] });
    const right = await join(other, CAROL, { protocols: [CHAT] });
    expect(await alice.send(message("echo", ALICE, CAROL))).toMatchObject({ status: "ok" });
    expect(await alice.send({ ...message("chat", ALICE, CAROL), type: `${CHAT}/text` })).toMatchObject({ status: "ok" });
    expect((await left.receive()).plaintext).toMatchObject({ id: "echo" });
    expect((await right.receive()).plaintext).toMatchObject({ id: "chat" });
    right.ack("chat");
    // It takes over what was not acknowledged.
    const newest = await join(other, CAROL);
    expect((await newest.receive()).plaintext).toMatchObject({ id: "echo" });
    expect(await left.event("phx_close")).toBeDefined();
    expect(await alice.send(message("next", ALICE, CAROL))).toMatchObject({ status: "ok" });
    expect((await newest.receive()).plaintext).toMatchObject({ id: "next" });
    // The first node delivers still, to connections of the other one.
    newest.ack("echo", "next");
    await newest.send(message("done", CAROL, ALICE));
    expect((await alice.receive()).plaintext).toMatchObject({ id: "done" });
    newest.close();
    await newest.client.closed;
    const last = await join(one, CAROL);
    expect(await alice.send(message("last", ALICE, CAROL))).toMatchObject({ status: "ok" });
    expect((await last.receive()).plaintext).toMatchObject({ id: "last" });
  });

  it("route a response to the connection that has sent the request, at another node than the DID's mailbox", async () => {
    const [one, other] = [await start(), await start()];
    const echo = await join(one, BOB);
    const first = await join(one, CAROL, { protocols: ["*"] });
    const second = await join(other, CAROL, { protocols: [] });
    expect(await second.send(message("ask", CAROL, BOB))).toMatchObject({ status: "ok" });
    expect((await echo.receive()).plaintext).toMatchObject({ id: "ask" });
    await echo.send({ ...message("answer", BOB, CAROL), type: `${ECHO}/response`, thid: "ask" });
    expect((await second.receive()).plaintext).toMatchObject({ id: "answer" });
    await first.send(message("ask-too", CAROL, BOB));
    expect((await echo.receive()).plaintext).toMatchObject({ id: "ask-too" });
    await echo.send({ ...message("answer-too", BOB, CAROL), type: `${ECHO}/response`, thid: "ask-too" });
    expect((await first.receive()).plaintext).toMatchObject({ id: "answer-too" });
  });

  it("accept a message for a protocol that an agent at another node has just bound", async () => {
    const proxy = await HoldingProxy.start(nats.urls[0] ?? "");
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const [one, other] = [await start(), await start({ nats: [proxy.url] })];
    const [alice, carol] = [await join(other, ALICE), await join(one, CAROL, { protocols: [CHAT] })];
    await expect.poll(() => alice.send({ ...message("chat", ALICE, CAROL), type: `${CHAT}/text` })).toEqual({ status: "ok", response: {} });
    expect((await carol.receive()).plaintext).toMatchObject({ id: "chat" });
    proxy.hold({ subject: `${shared.prefix}.owners.`, until: `$JS.API.STREAM.MSG.GET.${shared.prefix.toUpperCase()}_OWNERS` });
    const late = await join(one, CAROL);
    await expect.poll(() => proxy.held).toBeGreaterThan(0);
    expect(await alice.send(message("echo", ALICE, CAROL))).toMatchObject({ status: "ok" });
    expect((await late.receive()).plaintext).toMatchObject({ id: "echo" });
  });

  it("know who is connected at other nodes, and what they handle", async () => {
    const [one, other] = [await start(), await start()];
    const alice = await join(one, ALICE, { protocols: [CHAT] });
    const dave = await join(other, DAVE, { protocols: [ECHO] });
    await expect.poll(() => alice.send(message("known", ALICE, DAVE))).toEqual({ status: "ok", response: {} });
    expect(await alice.send({ ...message("chat", ALICE, DAVE), type: `${CHAT}/text` })).toMatchObject({
      status: "error",
      response: { reason: expect.stringContaining("no handler") },
    });
    const query = { id: "query", type: "https://didcomm.org/discover-features/2.0/queries", from: ALICE, to: [DAVE] };
    await alice.send({ ...query, body: { queries: [{ "feature-type": "protocol", match: `${ECHO}*` }] } });
    expect((await alice.receive()).plaintext).toMatchObject({ body: { disclosures: [{ id: ECHO }] } });
    dave.close();
    await expect.poll(() => alice.send(message("away", ALICE, DAVE))).toMatchObject({ response: { away: [DAVE] } });
  });

  it("count the waiting messages of agents that are connected nowhere, once", async () => {
    const nodes = [await start(), await start()] as const;
    const alice = await join(nodes[0], ALICE);
    const sum = async (name: string): Promise<number> => {
      let total = 0;
      for (const { httpUrl } of nodes) {
        const text = await (await fetch(`${httpUrl}/metrics`)).text();
        total += Number(new RegExp(`^layr8_node_${name} (\\d+)`, "m").exec(text)?.[1]);
      }
      return total;
    };
    const counts = async () => ({ inboxes: await sum("unattended_inboxes"), messages: await sum("inbox_messages") });
    (await join(nodes[1], BOB)).close();
    for (const id of ["1", "2"]) await expect.poll(() => alice.send(message(id, ALICE, BOB))).toMatchObject({ response: { away: [BOB] } });
    await expect.poll(counts).toEqual({ inboxes: 1, messages: 2 });
    expect(await sum("unattended_oldest_seconds")).toBeLessThan(600);
    const bob = await join(nodes[1], BOB);
    for (const id of ["1", "2"]) expect((await bob.receive()).plaintext).toMatchObject({ id });
    await expect.poll(counts).toEqual({ inboxes: 0, messages: 2 });
    bob.ack("1");
    await expect.poll(counts).toEqual({ inboxes: 0, messages: 1 });
    bob.close();
    await expect.poll(counts).toEqual({ inboxes: 1, messages: 1 });
  });

  it("deliver again what an agent at another node did not acknowledge, and dead-letter what it passes on", async () => {
    const [one, other] = [await start(), await start()];
    const [alice, keeper] = [await join(one, ALICE, { protocols: ["*"] }), await join(one, CAROL, { protocols: [CHAT] })];
    const far = await join(other, CAROL, { protocols: [ECHO], replyProtocol: true });
    await alice.send(message("kept", ALICE, CAROL));
    expect((await far.receive()).plaintext).toMatchObject({ id: "kept" });
    far.close();
    const again = await join(other, CAROL, { protocols: [ECHO], replyProtocol: true });
    expect(await again.receive()).toMatchObject({ plaintext: { id: "kept" } });
    again.reply("kept", "handled");
    await alice.send(message("passed", ALICE, CAROL));
    expect((await again.receive()).plaintext).toMatchObject({ id: "passed" });
    again.reply("passed", "pass");
    expect((await alice.receive()).plaintext).toMatchObject({
      type: "https://didcomm.org/report-problem/2.0/problem-report",
      pthid: "passed",
    });
    keeper.close();
  });

  it("pass the mailbox of a DID on when its node stops, with the connections at other nodes", async () => {
    const [one, other] = [await start(), await start()];
    const alice = await join(other, ALICE);
    const [near, far] = [await join(one, CAROL), await join(other, CAROL, { protocols: [CHAT] })];
    expect(await alice.send({ ...message("before", ALICE, CAROL), type: `${CHAT}/text` })).toMatchObject({ status: "ok" });
    expect((await far.receive()).plaintext).toMatchObject({ id: "before" });
    far.ack("before");
    await one.close();
    await near.client.closed;
    await alice.send({ ...message("after", ALICE, CAROL), type: `${CHAT}/text` });
    let next = await far.receive();
    // A message that was acknowledged in that moment may be delivered again.
    while (next.plaintext["id"] === "before") next = await far.receive();
    expect(next.plaintext).toMatchObject({ id: "after" });
  });

  it("close the sockets of an API key that one of them revokes", async () => {
    const [one, other] = [await start(), await start()];
    const { id, key } = await one.createApiKey({ dids: ["did:web:node.example:agents:carol"] });
    await expect.poll(() => other.listApiKeys().some((each) => each.id === id)).toBe(true);
    const carol = await join(other, "did:web:node.example:agents:carol", { apiKey: key });
    expect(await one.revokeApiKey(id)).toBe(true);
    await carol.client.closed;
  });

  it("disconnect their agents when NATS has stopped, and accept them when it is back", { timeout: 240_000 }, async () => {
    const node = await start();
    const alice = await join(node, ALICE);
    await nats.signal("SIGSTOP");
    onTestFinished(() => nats.signal("SIGCONT"));
    expect(await alice.client.closed).toBe(1012);
    expect((await fetch(`${node.httpUrl}/ready`)).status).toBe(503);
    expect((await fetch(`${node.httpUrl}/health`)).status).toBe(200);
    await expect(join(node, ALICE)).rejects.toThrow("503");
    await nats.signal("SIGCONT");
    await expect.poll(async () => (await fetch(`${node.httpUrl}/ready`)).status).toBe(200);
    await expect.poll(() => join(node, ALICE)).toBeDefined();
  });

  it("refuse to start with other policies than the running ones have, unless these are being replaced", async () => {
    const policies = [{ did: ALICE, deny: ["*"], allow: [BOB] }];
    const one = await start({ policies });
    await start({ policies: [{ deny: ["*"], allow: [BOB], did: ALICE }] });
    await expect(start()).rejects.toThrow(/policies/);
    const mixed = await start({ allowMixedPolicies: true });
    await Promise.all([one, mixed].map((node) => node.close()));
  });

  it("have everything for the agent of a node that is killed", async () => {
    const args = ["--nats", nats.urls.join(","), "--nats-prefix", shared.prefix, "--node-name", "killed", "--domain", "node.example"];
    const killed = new NodeProcess(24_871, args, { LAYR8_NODE_KEY: NODE_KEY.toString("base64") });
    onTestFinished(() => killed.kill());
    await killed.start();
    const one = await start();
    const alice = await join(one, ALICE);
    const bob = await join(killed, BOB);
    await join(killed, CAROL);
    const carol = await join(one, CAROL, { protocols: [CHAT] });
    const ids = Array.from({ length: 60 }, (_, index) => `m${index}`);
    for (const id of ids.slice(0, 30)) expect(await alice.send(message(id, ALICE, BOB))).toMatchObject({ status: "ok" });
    for (const id of ids.slice(0, 30)) expect((await bob.receive()).plaintext).toMatchObject({ id });
    bob.ack(...ids.slice(0, 10));
    // The answer to a push comes after the acknowledgements before it.
    await bob.send(message("from-bob", BOB, ALICE));
    await killed.kill();
    // Its connection at this node has what is sent from now on, once this node has taken the DID over.
    await alice.send({ ...message("after", ALICE, CAROL), type: `${CHAT}/text` });
    expect((await carol.receive()).plaintext).toMatchObject({ id: "after" });
    for (const id of ids.slice(30)) expect(await alice.send(message(id, ALICE, BOB))).toMatchObject({ status: "ok" });
    const again = await join(one, BOB);
    const got = new Set<unknown>();
    while (!got.has("m59")) got.add((await again.receive()).plaintext["id"]);
    for (const id of ids.slice(10)) expect(got).toContain(id);
  });
});
