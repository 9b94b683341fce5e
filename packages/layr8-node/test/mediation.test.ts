import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDidcommCrypto } from "@parley/didcomm-crypto";
import { createDidResolver, didWebMethod } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import { pino } from "pino";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../src/layr8-node.ts";
import { startNode } from "../src/node.ts";
import type { NodeOptions } from "../src/options.ts";
import { RawAgent } from "./raw-agent.ts";

const COORDINATION = "https://didcomm.org/coordinate-mediation/3.0";
const PICKUP = "https://didcomm.org/messagepickup/3.0";
const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
const MEDIATOR = "did:web:localhost:mediator";
const BOB = "did:web:localhost:bob";
const CAROL = "did:web:localhost:carol";
/** A DID below Bob's, which this node does not host. */
const CHILD = `${BOB}:child`;
const KEY = "a-key-that-may-bind-any-did";

let node: Layr8Node;
let agents: RawAgent[] = [];

async function start(options: NodeOptions = {}): Promise<void> {
  await node?.close();
  const apiKeys = [
    { key: KEY, dids: "any" as const },
    { key: "a-key-that-may-bind-bob-only", dids: [BOB] },
  ];
  node = await startNode({ port: 0, logger: false, apiKeys, mediator: MEDIATOR, ...options });
}

async function agent(did: string): Promise<RawAgent> {
  const joined = await RawAgent.join(node, { did, protocols: [PICKUP], apiKey: KEY });
  agents.push(joined);
  return joined;
}

afterEach(async () => {
  for (const joined of agents) joined.close();
  agents = [];
  await node.close();
});

let count = 0;

interface Answer {
  readonly type: string;
  readonly body: Record<string, unknown>;
  readonly attachments?: readonly { readonly id: string; readonly data: { readonly base64: string } }[];
}

/** Sends a request to the mediator, and returns its response. */
async function ask(from: RawAgent, type: string, body: object = {}): Promise<Answer> {
  const id = `request-${count++}`;
  expect(await from.send({ id, type, from: from.did, to: [MEDIATOR], body })).toEqual({ status: "ok", response: {} });
  const { plaintext } = await from.receive();
  expect(plaintext).toMatchObject({ from: MEDIATOR, to: [from.did] });
  expect([plaintext["thid"], plaintext["pthid"]]).toContain(id);
  from.ack(String(plaintext["id"]));
  return plaintext as never;
}

async function register(from: RawAgent, ...dids: string[]): Promise<unknown[]> {
  const updates = dids.map((did) => ({ recipient_did: did, action: "add" }));
  const { body } = await ask(from, `${COORDINATION}/recipient-update`, { updates });
  return (body["updated"] as { result: unknown }[]).map(({ result }) => result);
}

/** Posts a forward that is encrypted for the mediator, as another node does. */
async function forward(next: string, envelope: string, to = MEDIATOR): Promise<Response> {
  const resolver = createDidResolver({
    methods: didWebMethod({ fetch: createNodeFetch({ allow: ["loopback"] }), hosts: { localhost: node.httpUrl } }),
  });
  const message = {
    id: `forward-${count++}`,
    type: "https://didcomm.org/routing/2.0/forward",
    to: [to],
    body: { next },
    attachments: [{ id: "1", data: { base64: Buffer.from(envelope).toString("base64url") } }],
  };
  const packed = await createDidcommCrypto({ resolver, privateKey: () => Promise.resolve(undefined) }).pack(JSON.stringify(message), {
    from: "anonymous",
    to,
  });
  return fetch(`${node.httpUrl}/didcomm`, {
    method: "POST",
    headers: { "content-type": "application/didcomm-encrypted+json" },
    body: packed,
  });
}

const contentsOf = ({ attachments = [] }: Answer): string[] =>
  attachments.map(({ data: { base64 } }) => Buffer.from(base64, "base64url").toString());

describe("the metrics of a mediator", () => {
  async function metrics(): Promise<Record<string, number>> {
    const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
    const lines = text.matchAll(/^layr8_node_mediator_(\w+) (\d+)$/gm);
    return Object.fromEntries(Array.from(lines, ([, name = "", value]) => [name, Number(value)] as const));
  }

  it("count registered DIDs, agents with live delivery, and envelopes that wait", async () => {
    await start();
    const bob = await agent(BOB);
    const other = `${BOB}:other`;
    await register(bob, other, CHILD);
    for (const [did, envelope] of [
      [other, "one"],
      [CHILD, "two"],
      [CHILD, "three"],
    ] as const) {
      expect((await forward(did, envelope)).status).toBe(202);
    }
    expect(await metrics()).toEqual({ dids: 2, live_agents: 0, envelopes: 3 });
    const { attachments = [] } = await ask(bob, `${PICKUP}/delivery-request`, { limit: 10, recipient_did: other });
    await ask(bob, `${PICKUP}/messages-received`, { message_id_list: attachments.map(({ id }) => id) });
    await ask(bob, `${PICKUP}/live-delivery-change`, { live_delivery: true });
    expect(await metrics()).toEqual({ dids: 2, live_agents: 1, envelopes: 2 });
  });

  it("are absent from other nodes", async () => {
    node = await startNode({ port: 0, logger: false });
    expect(await metrics()).toEqual({});
  });
});

describe("coordination with a mediator", () => {
  it("registers an agent's own DID and those below it, and no other", async () => {
    await start();
    const [bob, carol] = [await agent(BOB), await agent(CAROL)];
    expect(await ask(bob, `${COORDINATION}/mediate-request`)).toMatchObject({
      type: `${COORDINATION}/mediate-grant`,
      body: { routing_did: [MEDIATOR] },
    });
    expect(await register(bob, BOB, CHILD, BOB, CAROL, "did:web:localhost:bobby", "no DID")).toEqual([
      "success",
      "success",
      "no_change",
      "client_error",
      "client_error",
      "client_error",
    ]);
    expect(await register(carol, BOB, CHILD)).toEqual(["client_error", "client_error"]);
    expect((await ask(bob, `${COORDINATION}/recipient-query`, { paginate: { limit: 1, offset: 1 } })).body).toEqual({
      dids: [{ recipient_did: CHILD }],
      pagination: { count: 1, offset: 1, remaining: 0 },
    });
    const updates = [
      { recipient_did: CHILD, action: "remove" },
      { recipient_did: CHILD, action: "remove" },
      { recipient_did: CHILD, action: "move" },
      "nonsense",
    ];
    const { body } = await ask(bob, `${COORDINATION}/recipient-update`, { updates });
    expect(body["updated"]).toMatchObject([
      { result: "success" },
      { result: "no_change" },
      { result: "client_error" },
      { result: "client_error" },
    ]);
  });

  it("registers a limited number of DIDs for an agent, and for all", async () => {
    await start({ limits: { maxMediatedDidsPerAgent: 2, maxMediatedDids: 3 } });
    const [bob, carol] = [await agent(BOB), await agent(CAROL)];
    expect(await register(bob, BOB, `${BOB}:1`, `${BOB}:2`)).toEqual(["success", "success", "client_error"]);
    expect(await register(carol, CAROL, `${CAROL}:1`)).toEqual(["success", "client_error"]);
  });

  it.each<[string, object, string]>([
    [`${COORDINATION}/recipient-update`, { updates: "all" }, "e.p.msg.bad-body"],
    [`${COORDINATION}/nonsense`, {}, "e.p.msg.unsupported"],
    [`${PICKUP}/delivery-request`, {}, "e.p.msg.bad-body"],
    [`${PICKUP}/messages-received`, { message_id_list: 1 }, "e.p.msg.bad-body"],
    [`${PICKUP}/live-delivery-change`, {}, "e.p.msg.bad-body"],
    [`${PICKUP}/status-request`, { recipient_did: CAROL }, "e.p.req.unknown-recipient"],
  ])("answers a wrong request with a problem report: %s %j", async (type, body, code) => {
    await start();
    expect(await ask(await agent(BOB), type, body)).toMatchObject({ type: REPORT, body: { code } });
  });

  it("is for senders that the policies accept", async () => {
    await start({ policies: [{ did: MEDIATOR, allow: [CAROL] }] });
    const bob = await agent(BOB);
    const message = { id: "1", type: `${COORDINATION}/mediate-request`, from: BOB, to: [MEDIATOR], body: {} };
    expect(await bob.send(message)).toMatchObject({ status: "error", response: { code: "e.m.authz.denied" } });
    expect((await ask(await agent(CAROL), `${COORDINATION}/mediate-request`)).type).toBe(`${COORDINATION}/mediate-grant`);
  });

  it("needs a DID of the node, and warns of one of another domain", async () => {
    await expect(() => startNode({ mediator: "did:key:z6Mk" })).rejects.toThrow('Option "mediator" must be a did:web DID');
    const lines: string[] = [];
    const logger = pino({ level: "warn" }, { write: (text) => void (text.includes("mediator") && lines.push(text)) });
    await start({ logger });
    await start({ logger, domain: "acme.example", mediator: "did:web:acme.example:mediator" });
    await start({ logger, domain: "acme.example", publicUrl: "https://node.example", mediator: "did:web:node.example%3A8443:mediator" });
    expect(lines).toEqual([]);
    await start({ logger, domain: "acme.example", mediator: "did:web:partner.example:mediator" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("not of this node's domain: other nodes look for it at partner.example");
  });
});

describe("messages at a mediator", () => {
  it("wait until their agent has acknowledged them, over restarts", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "mediation-"));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    await start({ dataDir });
    const before = await agent(BOB);
    await register(before, CHILD);
    for (const envelope of ["one", "two", "three"]) expect((await forward(CHILD, envelope)).status).toBe(202);
    await start({ dataDir });
    const bob = await agent(BOB);
    expect((await ask(bob, `${PICKUP}/status-request`)).body).toMatchObject({ message_count: 3, total_bytes: 11, live_delivery: false });
    const first = await ask(bob, `${PICKUP}/delivery-request`, { limit: 2, recipient_did: CHILD });
    expect(first).toMatchObject({ type: `${PICKUP}/delivery`, body: { recipient_did: CHILD } });
    expect(contentsOf(first)).toEqual(["one", "two"]);
    expect(contentsOf(await ask(bob, `${PICKUP}/delivery-request`, { limit: 10 }))).toEqual(["one", "two", "three"]);
    const ids = first.attachments?.map(({ id }) => id);
    // Other agents can not remove them.
    const carol = await agent(CAROL);
    await ask(carol, `${PICKUP}/messages-received`, { message_id_list: ids });
    expect((await ask(bob, `${PICKUP}/messages-received`, { message_id_list: [...(ids ?? []), "nonsense", 5] })).body).toMatchObject({
      message_count: 1,
    });
    const last = await ask(bob, `${PICKUP}/delivery-request`, { limit: 10 });
    expect(contentsOf(last)).toEqual(["three"]);
    await ask(bob, `${PICKUP}/messages-received`, { message_id_list: last.attachments?.map(({ id }) => id) });
    expect(await ask(bob, `${PICKUP}/delivery-request`, { limit: 10 })).toMatchObject({
      type: `${PICKUP}/status`,
      body: { message_count: 0 },
    });
  });

  it("are stored once, however often they are forwarded", async () => {
    await start();
    const bob = await agent(BOB);
    await register(bob, CHILD);
    for (let n = 0; n < 3; n++) expect((await forward(CHILD, "the same")).status).toBe(202);
    expect((await ask(bob, `${PICKUP}/status-request`)).body["message_count"]).toBe(1);
  });

  it("are refused for a DID that is not registered, and when too many wait", async () => {
    await start({ limits: { maxInboxMessages: 2 } });
    const bob = await agent(BOB);
    expect((await forward(CHILD, "too early")).status).toBe(404);
    await register(bob, CHILD);
    // Only the mediator forwards for DIDs elsewhere.
    expect((await forward(CHILD, "to another", BOB)).status).toBe(404);
    for (const status of [202, 202, 503]) expect((await forward(CHILD, `message ${count}`)).status).toBe(status);
    expect((await forward(CHILD, "x".repeat(800_000))).status).toBe(413);
    await ask(bob, `${COORDINATION}/recipient-update`, { updates: [{ recipient_did: CHILD, action: "remove" }] });
    expect((await forward(CHILD, "too late")).status).toBe(404);
    expect((await ask(bob, `${PICKUP}/status-request`)).body["message_count"]).toBe(0);
  });

  it("that an agent forwards itself are queued, or reported", async () => {
    await start();
    const [bob, carol] = [await agent(BOB), await agent(CAROL)];
    const send = (next: string): Promise<unknown> =>
      carol.send({
        id: `plain-${count++}`,
        type: "https://didcomm.org/routing/2.0/forward",
        from: CAROL,
        to: [MEDIATOR],
        body: { next },
        attachments: [{ data: { json: { ciphertext: next } } }],
      });
    await send(CHILD);
    expect((await carol.receive()).plaintext).toMatchObject({
      type: REPORT,
      from: MEDIATOR,
      body: { code: "e.p.xfer.unknown-recipient", args: [CHILD] },
    });
    await register(bob, CHILD);
    await send(CHILD);
    expect(contentsOf(await ask(bob, `${PICKUP}/delivery-request`, { limit: 1 }))).toEqual([JSON.stringify({ ciphertext: CHILD })]);
  });

  it("are delivered at once in live mode, in order, until it is turned off or the agent is away", async () => {
    await start();
    let bob = await agent(BOB);
    await register(bob, CHILD);
    expect((await ask(bob, `${PICKUP}/live-delivery-change`, { live_delivery: true })).body["live_delivery"]).toBe(true);
    const sent = Array.from({ length: 20 }, (_, n) => `envelope ${n}`);
    for (const envelope of sent) expect((await forward(CHILD, envelope)).status).toBe(202);
    const received: string[] = [];
    const ids: string[] = [];
    while (received.length < sent.length) {
      const { plaintext } = await bob.receive();
      expect(plaintext).toMatchObject({ type: `${PICKUP}/delivery`, from: MEDIATOR, body: { recipient_did: CHILD } });
      received.push(...contentsOf(plaintext as never));
      ids.push(...((plaintext as never as Answer).attachments ?? []).map(({ id }) => id));
      bob.ack(String(plaintext["id"]));
    }
    expect(received).toEqual(sent);
    expect((await ask(bob, `${PICKUP}/messages-received`, { message_id_list: ids })).body["message_count"]).toBe(0);
    bob.close();
    const carol = await agent(CAROL);
    await expect
      .poll(async () => (await carol.send({ id: `ping-${count++}`, type: `${PICKUP}/ping`, from: CAROL, to: [BOB], body: {} }))["response"])
      .toEqual({ away: [BOB] });
    await forward(CHILD, "while away");
    bob = await agent(BOB);
    await forward(CHILD, "no longer live");
    // Carol's pings have waited for Bob.
    const status = async (): Promise<Answer> => {
      await bob.send({ id: `status-${count++}`, type: `${PICKUP}/status-request`, from: BOB, to: [MEDIATOR], body: {} });
      for (;;) {
        const { plaintext } = await bob.receive();
        expect(plaintext["type"]).not.toBe(`${PICKUP}/delivery`);
        if (plaintext["type"] === `${PICKUP}/status`) return plaintext as never;
      }
    };
    expect((await status()).body).toMatchObject({ message_count: 2, live_delivery: false });
  });
});

describe("the mediator of a DID", () => {
  async function call(method: string, path: string, key: string, body?: object): Promise<number> {
    const headers = { "x-api-key": key, ...(body !== undefined && { "content-type": "application/json" }) };
    const response = await fetch(`${node.httpUrl}/api/v1/dids/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return response.status;
  }

  async function endpoints(): Promise<unknown> {
    const response = await fetch(`http://localhost:${node.port}/bob/did.json`);
    const { service } = (await response.json()) as { service: { serviceEndpoint: unknown }[] };
    return service[0]?.serviceEndpoint;
  }

  it("is named first in its document, until it is removed", async () => {
    await start();
    const bob = `did:web:localhost%3A${node.port}:bob`;
    await agent(bob);
    const elsewhere = "did:web:mediator.example:inbox";
    const own = { uri: `${node.httpUrl}/didcomm`, accept: ["didcomm/v2"] };
    expect(await endpoints()).toEqual(own);
    expect(await call("PUT", `${bob}/mediator`, KEY, { routing_did: elsewhere })).toBe(204);
    expect(await endpoints()).toEqual([{ uri: elsewhere, accept: ["didcomm/v2"] }, own]);
    expect(await call("DELETE", `${encodeURIComponent(bob)}/mediator`, KEY)).toBe(204);
    expect(await endpoints()).toEqual(own);
  });

  it("is declared only by a key that may act for the DID, for a hosted DID", async () => {
    await start();
    await agent(CAROL);
    const body = { routing_did: MEDIATOR };
    expect(await call("PUT", `${CAROL}/mediator`, "a-key-that-may-bind-bob-only", body)).toBe(403);
    expect(await call("PUT", `${CAROL}/mediator`, "no-key", body)).toBe(401);
    expect(await call("PUT", `${BOB}/mediator`, KEY, body)).toBe(404);
    expect(await call("PUT", `${CAROL}/mediator`, KEY, { routing_did: "mediator" })).toBe(400);
    expect(await call("PUT", "nonsense/mediator", KEY, body)).toBe(404);
    expect(await call("DELETE", `${CAROL}/mediator`, KEY)).toBe(204);
  });
});
