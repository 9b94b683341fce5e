import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stopClock } from "@parley/test-assertions";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import type { NodeOptions } from "../src/options.ts";
import { RawClient, type RawFrame } from "./phoenix/raw-client.ts";
import { RawAgent, type RawJoin } from "./raw-agent.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ORDER = "https://layr8.io/protocols/order/1.0";
const BOB = "did:web:localhost:bob";
const ALICE = "did:web:localhost:alice";

let node: Layr8Node;
let agents: RawAgent[];

async function start(options: NodeOptions = {}): Promise<Layr8Node> {
  await node?.close();
  node = await startNode({ port: 0, logger: false, ...options });
  return node;
}

async function agent(options: RawJoin): Promise<RawAgent> {
  const joined = await RawAgent.join(node, options);
  agents.push(joined);
  return joined;
}

function message(id: string, more: object = {}): object {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { n: 1 }, ...more };
}

async function nextOf(client: RawClient, count: number): Promise<RawFrame[]> {
  const frames: RawFrame[] = [];
  while (frames.length < count) frames.push(await client.next());
  return frames;
}

const OK = { status: "ok", response: {} };
/** To a recipient that has just hung up: the node may or may not know it yet. */
const STORED = { status: "ok" };

beforeEach(async () => {
  agents = [];
  await start();
});

afterEach(async () => {
  for (const joined of agents) joined.close();
  await node.close();
});

describe("connecting", () => {
  it("accepts the API key from the header or the query, and rejects others", async () => {
    await expect(RawClient.open(`${node.url}?api_key=${node.apiKey}`).then((client) => client.close())).resolves.toBeUndefined();
    await expect(RawClient.open(node.url)).rejects.toThrow("HTTP 403");
    await expect(RawClient.open(node.url, { "x-api-key": "x".repeat(10_000) })).rejects.toThrow("HTTP 403");
  });

  it("joins a DID and names it and its capabilities in the reply", async () => {
    const client = await RawClient.open(node.url, { "x-api-key": node.apiKey ?? "" });
    const reply = await client.push(`plugins:${BOB}`, "phx_join", { payload_types: [], reply_protocol: true });
    expect(reply).toEqual({ status: "ok", response: { did: BOB, capabilities: ["reply_protocol/1", "wildcard/1", "batch_ack/1"] } });
    client.close();
  });

  it("reports in the join reply that a protocol was taken over", async () => {
    const join = (client: RawClient, ...protocols: string[]) => client.push(`plugins:${BOB}`, "phx_join", { payload_types: protocols });
    const [first, second] = [await agent({}), await agent({})];
    const took = async (...args: Parameters<typeof join>) => ((await join(...args))["response"] as { took_over?: boolean }).took_over;
    expect(await took(first.client, ECHO)).toBeUndefined();
    expect(await took(first.client, ECHO)).toBeUndefined();
    expect(await took(second.client, ORDER)).toBeUndefined();
    expect(await took(second.client, ORDER, ECHO)).toBe(true);
    expect(await took(first.client, ORDER)).toBe(true);
  });

  it.each([
    ["an older SDK", {}],
    ["a newer SDK", { reply_protocol: true }],
    ["an agent that takes early deliveries", { reply_protocol: true, capabilities: ["early_delivery/1"] }],
  ])("sends the reply to a join before any delivery, and what has waited in order: %s", async (_who, join) => {
    (await agent({ did: BOB, protocols: [ECHO] })).close();
    const alice = await agent({ did: ALICE });
    const ids = ["1", "2", "3", "4", "5"];
    for (const id of ids) expect(await alice.send(message(id))).toMatchObject(STORED);
    // Unacknowledged messages wait again for the next connection, so each round has all of them.
    for (let round = 0; round < 2; round += 1) {
      const client = await RawClient.open(node.url, { "x-api-key": node.apiKey ?? "" });
      const topic = `plugins:${BOB}`;
      client.send(["1", "1", topic, "phx_join", { payload_types: [ECHO], ...join }]);
      const [reply, ...deliveries] = [await client.next(), ...(await nextOf(client, ids.length))];
      expect(reply).toMatchObject(["1", "1", topic, "phx_reply", { status: "ok", response: { did: BOB } }]);
      expect(deliveries.map(([, , , event]) => event)).toEqual(ids.map(() => "message"));
      expect(deliveries.map(([, , , , { plaintext }]) => (plaintext as { id: string }).id)).toEqual(ids);
      client.close();
    }
  });

  it("assigns an ephemeral DID, which is usable under both topics and kept over a lost link", async () => {
    const first = await agent({});
    expect(first.did).toMatch(/^did:web:localhost%3A\d+:/);
    const other = await agent({});
    expect(other.did).not.toBe(first.did);
    expect(await first.client.push(`plugins:${first.did}`, "message", message("1", { from: first.did, to: [first.did] }))).toMatchObject({
      response: { reason: expect.stringContaining("no handler") as string },
    });
    first.close();
    const again = await agent({ did: first.did });
    expect(again.did).toBe(first.did);
  });

  it("allows only the key that was assigned an ephemeral DID to rejoin it", async () => {
    const { key } = await node.createApiKey({ dids: ["did:web:acme.example:*"] });
    const { did } = await agent({ apiKey: key });
    await expect(agent({ did })).rejects.toThrow("unauthorized");
    await expect(agent({ did, apiKey: key })).resolves.toMatchObject({ did });
  });

  it("restricts a key to its DIDs and prefixes", async () => {
    const { key } = await node.createApiKey({ dids: [BOB, "did:web:acme.example:*"] });
    await expect(agent({ did: BOB, apiKey: key })).resolves.toMatchObject({ did: BOB });
    await expect(agent({ did: "did:web:acme.example:x", apiKey: key })).resolves.toBeDefined();
    for (const did of [ALICE, `${BOB}y`, "did:web:acme.example.evil.com:x"]) {
      await expect(agent({ did, apiKey: key })).rejects.toThrow("unauthorized");
    }
  });

  it("requires a DID to exist in mode Require", async () => {
    await expect(agent({ did: BOB, mode: "Require" })).rejects.toThrow("refused");
    await agent({ did: BOB });
    await expect(agent({ did: BOB, mode: "Require" })).resolves.toBeDefined();
  });

  it.each([
    ["another topic", "rooms:lobby", {}],
    ["no DID", "plugins:bob", {}],
    ["a DID with a fragment", "plugins:did:web:x#1", {}],
    ["a DID that is too long", `plugins:did:web:${"x".repeat(3000)}`, {}],
    ["payload_types that are not a list", `plugins:${BOB}`, { payload_types: "echo" }],
    ["payload_types with a number", `plugins:${BOB}`, { payload_types: [7] }],
    ["too many payload_types", `plugins:${BOB}`, { payload_types: Array.from({ length: 300 }, (_, i) => `p${i}`) }],
    ["a list as payload", `plugins:${BOB}`, []],
    ["null as payload", `plugins:${BOB}`, null],
    ["an unknown mode", `plugins:${BOB}`, { did_spec: { mode: "Steal" } }],
    ["an unknown storage", `plugins:${BOB}`, { did_spec: { storage: "cloud" } }],
  ])("rejects a join with %s, with the reason", async (_name, topic, payload) => {
    const client = await RawClient.open(node.url, { "x-api-key": node.apiKey ?? "" });
    const reply = await client.push(topic, "phx_join", payload);
    expect(reply).toMatchObject({ status: "error", response: { reason: expect.stringMatching(/\w{4,}/) as string } });
    expect(await client.push(`plugins:${BOB}`, "phx_join", {})).toMatchObject({ status: "ok" });
    client.close();
  });

  it("closes the connections of a revoked key and rejects it", async () => {
    const { id, key } = await node.createApiKey({ dids: "any" });
    const joined = await agent({ apiKey: key });
    expect(await node.revokeApiKey(id)).toBe(true);
    expect(await joined.client.closed).toBe(1008);
    await expect(agent({ apiKey: key })).rejects.toThrow("HTTP 403");
    expect(await node.revokeApiKey(id)).toBe(false);
  });

  it("limits the connections of all keys", async () => {
    await start({ limits: { maxConnections: 2 } });
    const first = await agent({});
    await expect(agent({})).rejects.toThrow("HTTP 503");
    first.close();
    await expect
      .poll(() =>
        agent({}).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    first.close();
  });

  it("limits the connections of a key", async () => {
    await start({ limits: { maxConnectionsPerKey: 2 } });
    const first = await agent({});
    await agent({});
    await expect(agent({})).rejects.toThrow("HTTP 429");
    first.close();
    await expect
      .poll(() =>
        agent({}).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });
});

describe("messages", () => {
  it("reach their recipient unchanged, with the node's context, and are acknowledged", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const sent = message("1", {
      thid: "t",
      big: 12345678901234567890n.toString(),
      extra: { deep: [1, null] },
      trace_context: { traceparent: "x" },
    });
    expect(await alice.send(sent)).toEqual(OK);
    const { plaintext, context } = await bob.receive();
    expect(plaintext).toEqual(sent);
    expect(context).toEqual({ recipient: BOB, authorized: true, sender_credentials: [], attempt: 1 });
  });

  it("keep numbers that JavaScript can't hold", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const text = JSON.stringify(message("1")).replace('"n":1', '"n":12345678901234567890.123');
    alice.client.send(`[null,"9","${alice.topic}","message",${text}]`);
    const raw = new Promise<string>((resolve) => bob.client.ws.once("message", (data) => resolve(String(data))));
    expect(await raw).toContain('"n":12345678901234567890.123');
  });

  it("are not redelivered once acknowledged, in either mode", async () => {
    const alice = await agent({ did: ALICE });
    for (const replyProtocol of [false, true]) {
      const bob = await agent({ did: BOB, protocols: [ECHO], replyProtocol });
      const [a, b, c] = [`a${replyProtocol}`, `b${replyProtocol}`, `c${replyProtocol}`];
      for (const id of [a, b, c]) await alice.send(message(id));
      for (const id of [a, b, c]) expect((await bob.receive()).plaintext["id"]).toBe(id);
      if (replyProtocol) {
        bob.reply(a, "handled");
        bob.reply(undefined, "error");
      } else {
        bob.ack(a, b);
      }
      await bob.send(message("sync", { from: BOB, to: [] }));
      bob.close();
      const again = await agent({ did: BOB, protocols: [ECHO], replyProtocol });
      expect(await again.receive()).toMatchObject({ plaintext: { id: c }, context: { attempt: 2 } });
      again.ack(c);
      await again.send(message("sync", { from: BOB, to: [] }));
      again.close();
    }
  });

  it("wait in order for an agent without a connection", async () => {
    const alice = await agent({ did: ALICE });
    (await agent({ did: BOB, protocols: [ECHO] })).close();
    for (let n = 0; n < 50; n++) expect(await alice.send(message(`${n}`))).toMatchObject(STORED);
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    for (let n = 0; n < 50; n++) expect((await bob.receive()).plaintext["id"]).toBe(`${n}`);
  });

  it("are acknowledged with the recipients that have no connection", async () => {
    const carol = "did:web:localhost:carol";
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    (await agent({ did: carol, protocols: [ECHO] })).close();
    const away = { status: "ok", response: { away: [carol] } };
    await expect.poll(() => alice.send(message("1", { to: [BOB, carol] }))).toEqual(away);
    expect(await alice.send(message("1", { to: [carol] }))).toEqual(away);
    expect(await alice.send(message("2", { to: [BOB] }))).toEqual(OK);
  });

  it("reach all recipients, or none", async () => {
    const carol = "did:web:localhost:carol";
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const third = await agent({ did: carol, protocols: [ECHO] });
    expect(await alice.send(message("1", { to: [BOB, carol, BOB] }))).toEqual(OK);
    expect((await bob.receive()).context["recipient"]).toBe(BOB);
    expect((await third.receive()).context["recipient"]).toBe(carol);
    expect(await alice.send(message("2", { to: [BOB, "did:web:localhost:nobody"] }))).toMatchObject({ status: "error" });
    expect(await alice.send(message("3"))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("3");
  });

  it("are stored once if they are sent twice", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    expect(await alice.send(message("1"))).toEqual(OK);
    expect(await alice.send(message("1"))).toEqual(OK);
    await alice.send(message("2"));
    expect((await bob.receive()).plaintext["id"]).toBe("1");
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("move to a connection that takes over the protocol, and the old one is closed", async () => {
    const alice = await agent({ did: ALICE });
    const old = await agent({ did: BOB, protocols: [ECHO] });
    await alice.send(message("1"));
    await old.receive();
    const young = await agent({ did: BOB, protocols: [ECHO] });
    expect(await young.receive()).toMatchObject({ plaintext: { id: "1" }, context: { attempt: 2 } });
    expect((await old.event("phx_close"))[2]).toBe(old.topic);
  });

  it("are split between two connections of one DID by protocol", async () => {
    const alice = await agent({ did: ALICE });
    const echo = await agent({ did: BOB, protocols: [ECHO] });
    const orders = await agent({ did: BOB, protocols: [ORDER] });
    await alice.send(message("1"));
    await alice.send(message("2", { type: `${ORDER}/created` }));
    expect((await echo.receive()).plaintext["id"]).toBe("1");
    expect((await orders.receive()).plaintext["id"]).toBe("2");
  });

  it("that are responses reach the requesting connection by thread, regardless of its protocols", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    await alice.send(message("1"));
    await bob.receive();
    const answer = { id: "2", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} };
    expect(await bob.send(answer)).toEqual(OK);
    expect((await alice.receive()).plaintext).toEqual(answer);
  });

  it("are delivered to the next connection after a pass, and reported to their sender if none handles them", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
    const rest = await agent({ did: BOB, protocols: ["*"], replyProtocol: true });
    await alice.send(message("1"));
    await bob.receive();
    bob.reply("1", "pass");
    expect((await rest.receive()).plaintext["id"]).toBe("1");
    rest.reply("1", "pass");
    expect((await alice.receive()).plaintext).toMatchObject({
      type: "https://didcomm.org/report-problem/2.0/problem-report",
      from: BOB,
      thid: "1",
      pthid: "1",
      body: { code: "e.p.msg.unsupported" },
    });
  });

  it.each([
    [
      "a problem code of its own, with its words",
      { code: "e.p.req.out-of-stock", message: "Only 3 left" },
      "e.p.req.out-of-stock",
      "Only 3 left",
    ],
    ["a problem code alone", { code: "e.p.req.out-of-stock" }, "e.p.req.out-of-stock", ""],
    ["an exception", { code: "Error", message: "db password is hunter2" }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
    ["any failure", { code: "e.p.xfer.cant-process", message: "hunter2" }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
    ["no problem code", { code: "e.p.x".repeat(50), message: "hunter2" }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
    ["nothing", {}, "e.p.xfer.cant-process", "The agent failed at the message 1"],
    ["no text", { code: 7, message: ["x"] }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
  ])("are reported to their sender when an agent fails at them and says %s", async (_name, said, code, comment) => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
    await alice.send(message("1"));
    await bob.receive();
    bob.reply("1", "error", said);
    const report = (await alice.receive()).plaintext;
    expect(report).toMatchObject({ from: BOB, to: [ALICE], thid: "1", pthid: "1", body: { code, comment } });
    expect(JSON.stringify(report)).not.toContain("hunter2");
  });

  it.each([
    ["answered", { id: "2", type: `${ECHO}/response`, thid: "1" }],
    ["reported the problem itself", { id: "2", type: "https://didcomm.org/report-problem/2.0/problem-report", pthid: "1" }],
  ])("are not reported again when the agent has %s", async (_name, answer) => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
    await alice.send(message("1"));
    await bob.receive();
    expect(await bob.send({ ...answer, from: BOB, to: [ALICE], body: {} })).toEqual(OK);
    bob.reply("1", "error");
    await alice.send(message("3"));
    await bob.receive();
    bob.reply("3", "error");
    expect((await alice.receive()).plaintext["id"]).toBe("2");
    expect((await alice.receive()).plaintext).toMatchObject({ thid: "3", body: { code: "e.p.xfer.cant-process" } });
  });

  it.each([
    ["an older SDK's agent", false, "plugins:"],
    ["an agent that knows the reply protocol", true, "assigned"],
  ])("reach %s on the topic that it listens on, whichever that is of an assigned DID", async (_name, replyProtocol, first) => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ protocols: [ECHO], replyProtocol });
    const topics = ["plugins:", `plugins:${bob.did}`];
    if (first === "assigned") topics.reverse();
    await alice.send(message("1", { to: [bob.did] }));
    expect((await bob.event("message"))[2]).toBe(topics[0]);
    const again = await bob.event("message");
    expect(again).toMatchObject({ 2: topics[1], 4: { plaintext: { id: "1" }, context: { attempt: 2 } } });
    bob.client.send([null, null, topics[1] ?? "", "ack", { ids: ["1"] }]);
    await alice.send(message("2", { to: [bob.did] }));
    expect(await bob.event("message")).toMatchObject({ 2: topics[1], 4: { plaintext: { id: "2" } } });
  });

  it("with a long id are reported in a message that can be received", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
    const id = "語".repeat(2000);
    await alice.send(message(id));
    await bob.receive();
    bob.reply(undefined, "error");
    const { plaintext } = await alice.receive();
    expect(plaintext["thid"]).toBe(id);
    expect((plaintext["body"] as { comment: string }).comment.length).toBeLessThan(2000);
  });

  it("fill in the comments of the node's own reports, and keep the arguments", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
    await alice.send(message("1"));
    await bob.receive();
    bob.reply("1", "pass");
    expect((await alice.receive()).plaintext["body"]).toEqual({
      code: "e.p.msg.unsupported",
      comment: `No agent of ${BOB} handles ${ECHO}/request`,
      args: [BOB, `${ECHO}/request`],
    });
  });

  it.each([
    ["reply mode", true],
    ["legacy mode", false],
  ])("that answer an agent without a handler for them don't come back at its next start, in %s", async (_name, replyProtocol) => {
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const answer = (id: string) => bob.send({ id, type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: id.slice(1), body: {} });
    const asker = await agent({ did: ALICE, replyProtocol });
    await asker.send(message("1"));
    await answer("a1");
    await asker.receive();
    await expect.poll(async () => (await (await fetch(`${node.httpUrl}/metrics`)).text()).match(/inbox_messages (\d)/)?.[1]).toBe("1");
    asker.close();
    await asker.client.closed;
    await expect.poll(() => answer("a2")).toMatchObject({ response: { away: [ALICE] } });
    const next = await agent({ did: ALICE, replyProtocol });
    expect(await next.receive()).toMatchObject({ plaintext: { id: "a2" }, context: { attempt: 1 } });
  });

  it("that are responses are redelivered to an agent with answer_ack until it acknowledges them", async () => {
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const asker = await agent({ did: ALICE, capabilities: ["answer_ack/1"] });
    await asker.send(message("1"));
    await bob.send({ id: "a1", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} });
    await asker.receive();
    asker.close();
    const next = await agent({ did: ALICE, capabilities: ["answer_ack/1"] });
    expect(await next.receive()).toMatchObject({ plaintext: { id: "a1" }, context: { attempt: 2 } });
  });

  it.each([
    ["another's from", { from: BOB }, "unauthorized"],
    ["no from", { from: undefined }, "unauthorized"],
    ["no recipient", { to: [] }, "to names no recipient"],
    ["an unknown recipient", { to: ["did:web:localhost:nobody"] }, "unknown recipient"],
    ["a protocol without a handler", { type: "https://example.com/chess/1.0/move" }, "no handler"],
    ["no type", { type: undefined }, "type is missing"],
    ["a number as id", { id: 7 }, "id must be a string"],
    ["a text as to", { to: BOB }, "to must be a list"],
    ["a list as body", { body: [] }, "body must be"],
    ["an expiry in the past", { expires_time: 1000 }, "expired"],
    ["an expiry in the past, as text", { expires_time: "1965-07-01T00:00:00Z" }, "expired"],
    ["an expiry that is not a time", { expires_time: "soon" }, "expires_time must be seconds since 1970, or text"],
    ["a second From", { From: BOB }, "mistaken for from"],
    ["another expires_time, with a long s", { "expire\u017f_time": 1 }, "mistaken for expires_time"],
  ])("are refused with %s", async (_name, more, reason) => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    expect(await alice.send(message("1", more))).toMatchObject({
      status: "error",
      response: { reason: expect.stringContaining(reason) as string },
    });
    expect(await alice.send(message("2"))).toEqual(OK);
  });

  it("with times written as text are delivered unchanged", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const times = { created_time: "2026-01-15T10:00:00.000Z", expires_time: "9999-12-31T23:59:59Z" };
    expect(await alice.send(message("1", times))).toEqual(OK);
    expect((await bob.receive()).plaintext).toMatchObject({ id: "1", ...times });
  });

  it("to a mistyped DID are rejected with the most similar DID that their sender may know", async () => {
    const refusalOf = async (sender: RawAgent, recipient: string): Promise<string> => {
      const { response } = await sender.send(message("1", { from: sender.did, to: [recipient] }));
      return (response as { reason: string }).reason;
    };
    await agent({ did: "did:web:localhost:echo" });
    await agent({ did: "did:web:secret.example:echo" });
    const [alice, assigned, acme] = [await agent({ did: ALICE }), await agent({}), await agent({ did: "did:web:secret.example:acme" })];
    for (const sender of [alice, assigned]) {
      expect(await refusalOf(sender, "did:web:localhost:ecco")).toMatch(
        /^unknown recipient: did:web:localhost:ecco: no agent with this DID has connected to this node\. Did you mean did:web:localhost:echo\? \(Its host/,
      );
    }
    expect(await refusalOf(alice, "did:web:localhost:nobody-like-it")).toContain("has connected to this node. Is it started?");
    // Tenants of other hosts are not disclosed.
    expect(await refusalOf(alice, "did:web:secret.localhost:echo")).not.toContain("secret.example");
    expect(await refusalOf(acme, "did:web:secretexample.localhost:echo")).not.toContain("Did you mean did:web:localhost");
  });

  it("never show a recipient another sender than the verified one", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    for (const forged of [`"from":"did:web:localhost:forged",`, `"\\u0066rom":"did:web:localhost:forged",`, `"type":"${ECHO}/other",`]) {
      alice.client.send(`[null,"x","${alice.topic}","message",{${forged}${JSON.stringify(message("0")).slice(1)}]`);
      const [, , , , reply] = await alice.client.next();
      expect(reply).toMatchObject({ response: { reason: expect.stringContaining("same member twice") as string } });
    }
    expect(await alice.send(message("1"))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("1");
  });

  it("are rejected beyond 64 levels of nesting, and delivered up to there", async () => {
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const nested = (levels: number): object => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`) as object;
    expect(await alice.send(message("1", { body: nested(64) }))).toMatchObject({
      response: { reason: expect.stringContaining("64 levels") as string },
    });
    expect(await alice.send(message("2", { body: nested(63) }))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it.each(["did:web:LOCALHOST:bob", "did:web:localhost%3A443:bob", "did:web:localhost:%62ob"])(
    "are not taken in another spelling of a DID: %s",
    async (spelling) => {
      const alice = await agent({ did: ALICE });
      expect(await alice.send(message("1", { to: [spelling] }))).toMatchObject({
        response: { reason: `unknown recipient: ${spelling} must be written ${BOB}` },
      });
      await expect(agent({ did: spelling })).rejects.toThrow(`must be written ${BOB}`);
    },
  );

  it.each([
    ["no JSON", "hello"],
    ["a number", "7"],
    ["null", "null"],
    [
      "nested too deeply to be written",
      `{"id":"1","type":"${ECHO}/request","from":"${ALICE}","to":["${BOB}"],"body":{"\\u0061":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
    ],
  ])("are refused when the payload is %s", async (_name, payload) => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    alice.client.send(`[null,"x","${alice.topic}","message",${payload}]`);
    expect(await alice.client.next()).toMatchObject(
      [null, "x", alice.topic, "phx_reply", { status: "error" }].with(0, expect.anything() as never),
    );
    expect(await alice.send(message("2"))).toEqual(OK);
  });

  it("are rejected on a topic that is not joined, and with another DID as from", async () => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    expect(await alice.client.push(`plugins:${BOB}`, "message", message("1", { from: BOB }))).toMatchObject({
      response: { reason: "unmatched topic" },
    });
  });

  it("are rejected while the inbox is full", async () => {
    await start({ limits: { maxInboxMessages: 3 } });
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    for (const id of ["1", "2", "3"]) expect(await alice.send(message(id))).toEqual(OK);
    expect(await alice.send(message("4"))).toMatchObject({ response: { reason: expect.stringContaining("inbox full") as string } });
    await bob.receive();
    bob.ack("1");
    await expect.poll(() => alice.send(message("4"))).toEqual(OK);
  });

  it("are rejected above the size limit, and the connection stays open", async () => {
    await start({ limits: { maxMessageLength: 1000 } });
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    expect(await alice.send(message("1", { body: { text: "x".repeat(1000) } }))).toMatchObject({
      response: { reason: expect.stringContaining("too large") as string, code: "e.p.msg.too-large" },
    });
    expect(await alice.send(message("2"))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("are rejected above the rate of their key", async () => {
    stopClock();
    await start({ limits: { messagesPerSecond: 5 } });
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    const replies: Record<string, unknown>[] = [];
    for (let n = 0; n < 6; n++) replies.push(await alice.send(message(`${n}`)));
    expect(replies.slice(0, 5)).toEqual([OK, OK, OK, OK, OK]);
    expect(replies[5]).toMatchObject({
      status: "error",
      response: { reason: expect.stringContaining("rate limited") as string, code: "e.p.me.res.rate" },
    });
  });

  it("that expire are reported to their sender", async () => {
    const alice = await agent({ did: ALICE });
    (await agent({ did: BOB, protocols: [ECHO] })).close();
    expect(await alice.send(message("1", { expires_time: Math.ceil(Date.now() / 1000) + 2 }))).toMatchObject(STORED);
    expect((await alice.receive()).plaintext).toMatchObject({ thid: "1", body: { code: "e.p.msg.expired", args: ["1"] } });
  });

  it("are redelivered when they are not acknowledged in time", async () => {
    await start({ limits: { ackTimeoutMs: 50 } });
    const alice = await agent({ did: ALICE });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    await alice.send(message("1"));
    expect((await bob.receive()).context["attempt"]).toBe(1);
    expect((await bob.receive()).context["attempt"]).toBe(2);
  });

  it("obey policies, by DID and prefix", async () => {
    await start({
      policies: [{ did: BOB, allow: ["did:web:localhost:alice", "did:web:LOCALHOST:adam:*"], deny: ["did:web:localhost:adam"] }],
    });
    await agent({ did: BOB, protocols: [ECHO] });
    const verdicts: unknown[] = [];
    for (const did of [ALICE, "did:web:localhost:adam", "did:web:localhost:eve"]) {
      const sender = await agent({ did });
      verdicts.push(await sender.send(message("1", { from: did })));
    }
    const denied = {
      status: "error",
      response: { reason: "unauthorized", code: "e.m.authz.denied", comment: expect.any(String) as string },
    };
    expect(verdicts).toEqual([OK, denied, denied]);
  });
});

describe("built-in protocols", () => {
  const PING = "https://didcomm.org/trust-ping/2.0/ping";

  it("respond to a ping only if no agent handles it", async () => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    expect(await alice.send(message("p1", { type: PING, body: {} }))).toEqual(OK);
    expect((await alice.receive()).plaintext).toMatchObject({
      type: "https://didcomm.org/trust-ping/2.0/ping-response",
      from: BOB,
      thid: "p1",
    });
    const bob = await agent({ did: BOB, protocols: ["https://didcomm.org/trust-ping/2.0"], replyProtocol: true });
    await alice.send(message("p2", { type: PING, body: {} }));
    expect((await bob.receive()).plaintext["id"]).toBe("p2");
    bob.reply("p2", "pass");
    expect((await alice.receive()).plaintext).toMatchObject({ thid: "p2" });
  });

  it("stay silent when no response is requested", async () => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB });
    expect(await alice.send(message("p1", { type: PING, body: { response_requested: false } }))).toEqual(OK);
    await alice.send(message("p2", { type: PING, body: {} }));
    expect((await alice.receive()).plaintext).toMatchObject({ thid: "p2" });
  });

  it("disclose the protocols that agents have bound", async () => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO, ORDER] });
    const queries = [
      { "feature-type": "protocol", match: "https://layr8.io/*/echo/*" },
      { "feature-type": "goal-code", match: "*" },
      "junk",
    ];
    await alice.send(message("q", { type: "https://didcomm.org/discover-features/2.0/queries", body: { queries } }));
    expect((await alice.receive()).plaintext).toMatchObject({
      type: "https://didcomm.org/discover-features/2.0/disclose",
      thid: "q",
      body: { disclosures: [{ "feature-type": "protocol", id: ECHO }] },
    });
  });
});

describe("HTTP", () => {
  it("serves DID documents by the path rules of did:web", async () => {
    await agent({ did: BOB });
    const response = await fetch(`${node.httpUrl}/bob/did.json`, { headers: { host: "localhost" } });
    expect(response.status).toBe(404);
    const { port } = node;
    const did = `did:web:localhost%3A${port}:bob`;
    await agent({ did });
    const found = await fetch(`http://localhost:${port}/bob/did.json`);
    expect(await found.json()).toMatchObject({ id: did, service: [{ type: "DIDCommMessaging" }] });
    expect((await fetch(`http://localhost:${port}/..%2Fbob/did.json`)).status).toBe(404);
  });

  it("shows health and metrics", async () => {
    const alice = await agent({ did: ALICE });
    await agent({ did: BOB, protocols: [ECHO] });
    await alice.send(message("1"));
    await alice.send(message("2", { to: ["did:web:localhost:nobody"] }));
    expect(await (await fetch(`${node.httpUrl}/health`)).json()).toEqual({ status: "ok" });
    const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(text).toContain("layr8_node_messages_accepted_total 1");
    expect(text).toContain('layr8_node_messages_refused_total{reason="unknown_recipient"} 1');
    expect(text).toContain("layr8_node_agents 2");
    expect(text).toContain("layr8_node_inbox_messages 1");
  });

  it("responds to unknown paths with an error in JSON", async () => {
    const response = await fetch(`${node.httpUrl}/nothing`);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: "this node has no such path: agents connect to /plugin_socket/websocket, REST calls go to /api/v1",
      code: "not_found",
    });
  });
});

describe("a data directory", () => {
  it("keeps messages, DIDs and keys over a restart", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "layr8-node-"));
    try {
      const { apiKey, port } = await start({ dataDir });
      const alice = await agent({ did: ALICE });
      const eve = await agent({});
      (await agent({ did: BOB, protocols: [ECHO] })).close();
      for (const id of ["1", "2", "3"]) await alice.send(message(id));
      await start({ dataDir, port });
      expect(node.apiKey).toBeUndefined();
      expect(await alice.client.closed).toBe(1012);
      await expect(agent({ did: ALICE })).rejects.toThrow("HTTP 403");
      const key = { apiKey: apiKey ?? "" };
      const bob = await agent({ did: BOB, protocols: [ECHO], ...key });
      for (const id of ["1", "2", "3"]) expect((await bob.receive()).plaintext["id"]).toBe(id);
      await expect(agent({ did: eve.did, ...key })).resolves.toMatchObject({ did: eve.did });
      const back = await agent({ did: ALICE, ...key });
      expect(await back.send(message("1"))).toEqual(OK);
      await back.send(message("4"));
      expect((await bob.receive()).plaintext["id"]).toBe("4");
    } finally {
      await node.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it("is opened by one node at a time", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "layr8-node-"));
    try {
      await start({ dataDir });
      await expect(startNode({ port: 0, dataDir, logger: false })).rejects.toMatchObject({ code: "data_dir_locked" });
    } finally {
      await node.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe("options", () => {
  it.each<[string, object]>([
    ["a limit of 0", { limits: { maxInFlight: 0 } }],
    ["an unknown limit", { limits: { maxInflight: 10 } }],
    ["a key that is too short", { apiKeys: [{ key: "short", dids: "any" }] }],
    ["a policy without DID", { policies: [{ did: "" }] }],
    ["a prefix that ends in a name", { apiKeys: [{ key: "0123456789abcdef", dids: ["did:web:acme*"] }] }],
  ])("refuse %s", async (_name, options) => {
    await expect(startNode({ port: 0, logger: false, ...options })).rejects.toThrow(TypeError);
  });

  it("reject with the system's error when the port is taken", async () => {
    await expect(startNode({ port: node.port, logger: false })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
