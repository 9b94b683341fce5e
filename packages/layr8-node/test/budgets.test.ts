import { afterEach, describe, expect, it } from "vitest";
import { stopClock, temporaryDirectory } from "@parley/test-assertions";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import type { NodeOptions } from "../src/options.ts";
import { RawAgent, type RawJoin } from "./raw-agent.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const ECHO = "https://layr8.io/protocols/echo/1.0";
const QUERIES = "https://didcomm.org/discover-features/2.0/queries";
const OK = { status: "ok", response: {} };
const RATE = { status: "error", response: { code: "e.p.me.res.rate" } };

let node: Layr8Node;
let directory: Awaited<ReturnType<typeof temporaryDirectory>> | undefined;
const agents: RawAgent[] = [];

async function start(options: NodeOptions = {}): Promise<void> {
  node = await startNode({ port: 0, logger: false, ...options });
}

async function agent(join: RawJoin): Promise<RawAgent> {
  const joined = await RawAgent.join(node, join);
  agents.push(joined);
  return joined;
}

function toBob(id: string, more: object = {}): object {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: {}, ...more };
}

afterEach(async () => {
  for (const joined of agents.splice(0)) joined.close();
  await node.close();
  await directory?.remove();
  directory = undefined;
});

describe("the messages of an API key", () => {
  it("are counted in units of work: length, recipients, feature queries", async () => {
    stopClock();
    await start({ limits: { messagesPerSecond: 60 } });
    const alice = await agent({ did: ALICE });
    const query = toBob("q1", { type: QUERIES, body: { queries: [{ "feature-type": "protocol", match: "*" }] } });
    await agent({ did: BOB, protocols: [ECHO] });
    expect(await alice.send(query)).toMatchObject({ status: "ok" });
    expect(await alice.send({ ...query, id: "q2" })).toMatchObject(RATE);
    expect(await alice.send(toBob("1"))).toEqual(OK);
    expect(await alice.send(toBob("2", { body: { text: "x".repeat(900_000) } }))).toMatchObject(RATE);
  });

  it("keep their count when the key reconnects", async () => {
    stopClock();
    await start({ limits: { messagesPerSecond: 3 } });
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    const first = await agent({ did: ALICE });
    let accepted = 0;
    for (let id = 0; id < 6; id += 1) if ((await first.send(toBob(`a${id}`)))["status"] === "ok") accepted += 1;
    first.close();
    bob.close();
    await first.client.closed;
    await bob.client.closed;
    const second = await agent({ did: ALICE });
    for (let id = 0; id < 6; id += 1) if ((await second.send(toBob(`b${id}`)))["status"] === "ok") accepted += 1;
    expect(accepted).toBe(3);
  });
});

describe("an inbox", () => {
  it("has room for another API key when one has filled its share", async () => {
    await start({ limits: { maxInboxMessages: 16 } });
    const [greedy, other] = [await node.createApiKey({ dids: "any" }), await node.createApiKey({ dids: "any" })];
    const bob = await agent({ did: BOB, protocols: [ECHO] });
    bob.close();
    await bob.client.closed;
    const [alice, carol] = [
      await agent({ did: ALICE, apiKey: greedy.key }),
      await agent({ did: "did:web:localhost:carol", apiKey: other.key }),
    ];
    const second = await agent({ did: "did:web:localhost:alice2", apiKey: greedy.key });
    let taken = 0;
    for (let id = 0; id < 20; id += 1) if ((await alice.send(toBob(`a${id}`)))["status"] === "ok") taken += 1;
    expect(taken).toBe(12);
    expect(await second.send(toBob("s", { from: "did:web:localhost:alice2" }))).toMatchObject({
      response: { reason: expect.stringContaining("inbox full") as string },
    });
    expect(await carol.send(toBob("c", { from: "did:web:localhost:carol" }))).toMatchObject({ status: "ok" });
    const back = await agent({ did: BOB, protocols: [ECHO] });
    for (let id = 0; id < 13; id += 1) back.ack((await back.receive()).plaintext["id"] as string);
    let attempt = 0;
    await expect.poll(() => alice.send(toBob(`again${attempt++}`))).toMatchObject({ status: "ok" });
  });
});

describe("an API key", () => {
  it("creates DIDs up to its limit, independently of other keys", async () => {
    await start({ limits: { maxDidsPerKey: 2 } });
    const [first, other] = [await node.createApiKey({ dids: "any" }), await node.createApiKey({ dids: "any" })];
    await agent({ apiKey: first.key });
    await agent({ did: ALICE, apiKey: first.key });
    await expect(agent({ did: BOB, apiKey: first.key })).rejects.toThrow("too many DIDs");
    await agent({ did: ALICE, apiKey: first.key });
    await agent({ did: BOB, apiKey: other.key });
  });
});

describe("messages waiting for all DIDs of an API key", () => {
  const DIDS = Array.from({ length: 8 }, (_, number) => `did:web:localhost:bob-${number}`);
  const FULL = { response: { reason: expect.stringContaining("over all of its DIDs") as string } };
  const OWNER = "the API key of those who are away";
  const [GREEDY, OTHER] = ["the API key of a greedy sender", "the API key of another sender"];
  const apiKeys = [OWNER, GREEDY, OTHER].map((key) => ({ key, dids: "any" as const }));

  /** DIDs that are away, and two senders. */
  async function join(): Promise<{ alice: RawAgent; carol: RawAgent }> {
    for (const did of DIDS) {
      const away = await agent({ did, protocols: [ECHO], apiKey: OWNER });
      away.close();
      await away.client.closed;
    }
    return {
      alice: await agent({ did: ALICE, apiKey: GREEDY }),
      carol: await agent({ did: "did:web:localhost:carol", apiKey: OTHER }),
    };
  }

  async function sendToAll(sender: RawAgent, rounds: number): Promise<number> {
    let taken = 0;
    for (let round = 0; round < rounds; round += 1) {
      for (const did of DIDS) {
        const message = { id: `${round} ${did}`, type: `${ECHO}/request`, from: sender.did, to: [did], body: {} };
        if ((await sender.send(message))["status"] === "ok") taken += 1;
      }
    }
    return taken;
  }

  it("are limited, and one sender may use a share", async () => {
    await start({ apiKeys, limits: { maxWaitingMessagesPerKey: 32 } });
    const { alice, carol } = await join();
    expect(await sendToAll(alice, 5)).toBe(24);
    expect(await alice.send({ id: "x", type: `${ECHO}/request`, from: ALICE, to: [DIDS[0]], body: {} })).toMatchObject(FULL);
    expect(await sendToAll(carol, 1)).toBeGreaterThan(0);
    // DIDs of other keys take messages still.
    const dave = await agent({ did: "did:web:localhost:dave", protocols: [ECHO], apiKey: OTHER });
    expect(await alice.send({ id: "y", type: `${ECHO}/request`, from: ALICE, to: [dave.did], body: {} })).toEqual(OK);
  });

  it("are limited in characters, until messages are acknowledged", async () => {
    await start({ apiKeys, limits: { maxWaitingLengthPerKey: 4000 } });
    const { alice } = await join();
    const large = (id: string, to = DIDS[0]): object => ({
      id,
      type: `${ECHO}/request`,
      from: ALICE,
      to: [to],
      body: { text: "x".repeat(1500) },
    });
    expect(await alice.send(large("1"))).toMatchObject({ status: "ok" });
    expect(await alice.send(large("2", DIDS[1]))).toMatchObject({ status: "ok" });
    expect(await alice.send(large("3", DIDS[2]))).toMatchObject(FULL);
    const bob = await agent({ did: DIDS[0] ?? "", protocols: [ECHO], apiKey: OWNER });
    bob.ack((await bob.receive()).plaintext["id"] as string);
    await expect.poll(() => alice.send(large("4", DIDS[2]))).toMatchObject({ status: "ok" });
  });

  it("are counted after a restart, by sender too", async () => {
    directory = await temporaryDirectory();
    const options = { apiKeys, dataDir: directory.path, limits: { maxWaitingMessagesPerKey: 1000, maxInboxMessages: 16 } };
    await start(options);
    const { alice } = await join();
    for (let id = 0; id < 20; id += 1) await alice.send({ id: `${id}`, type: `${ECHO}/request`, from: ALICE, to: [DIDS[0]], body: {} });
    await sendToAll(alice, 1);
    for (const joined of agents.splice(0)) joined.close();
    await node.close();

    await start({ ...options, limits: { maxWaitingMessagesPerKey: 19, maxInboxMessages: 16 } });
    const [again, carol] = [await agent({ did: ALICE, apiKey: GREEDY }), await agent({ did: "did:web:localhost:carol", apiKey: OTHER })];
    const to = (sender: RawAgent, did: string | undefined): object => ({
      id: "z",
      type: `${ECHO}/request`,
      from: sender.did,
      to: [did],
      body: {},
    });
    // Twelve of sixteen messages are hers.
    expect(await again.send(to(again, DIDS[0]))).toMatchObject({
      response: { reason: expect.stringContaining("too many messages of this sender") as string },
    });
    // Nineteen wait for all DIDs, none of which has been used since the start.
    expect(await carol.send(to(carol, DIDS[7]))).toMatchObject(FULL);
  });
});

describe("health and metrics", () => {
  it("are only on metricsPort if it is set", async () => {
    await start({ metricsPort: 0 });
    expect(node.metricsUrl).not.toBe(node.httpUrl);
    for (const path of ["/health", "/metrics"]) {
      expect((await fetch(`${node.metricsUrl}${path}`)).status).toBe(200);
      expect((await fetch(`${node.httpUrl}${path}`)).status).toBe(404);
    }
    expect((await fetch(`${node.metricsUrl}/openapi.json`)).status).toBe(404);
  });
});

describe("a persistent DID", () => {
  it("is not made ephemeral by another key, nor by its own while a message waits", async () => {
    await start({ limits: { ephemeralGraceMs: 1 } });
    const [owner, other] = [await node.createApiKey({ dids: "any" }), await node.createApiKey({ dids: "any", ephemeral: false })];
    const bob = await agent({ did: BOB, protocols: [ECHO], apiKey: owner.key });
    bob.close();
    await bob.client.closed;
    const alice = await agent({ did: ALICE, apiKey: other.key });
    expect(await alice.send(toBob("1"))).toMatchObject({ status: "ok" });
    const toEphemeral = { did_spec: { mode: "Update", storage: "ephemeral" } };
    expect(await alice.client.push(`plugins:${BOB}`, "phx_join", toEphemeral)).toMatchObject({ response: { reason: "unauthorized" } });
    const own = await agent({ did: "did:web:localhost:other", apiKey: owner.key });
    expect(await own.client.push(`plugins:${BOB}`, "phx_join", toEphemeral)).toMatchObject({
      response: { reason: expect.stringContaining("DID in use") as string },
    });
    const back = await agent({ did: BOB, protocols: [ECHO], apiKey: owner.key });
    expect((await back.receive()).plaintext["id"]).toBe("1");
  });
});

describe("the protocols of a DID", () => {
  it("are at most 256 over all of its connections", async () => {
    await start();
    const protocols = (from: number): string[] => Array.from({ length: 200 }, (_, index) => `https://a.example/p${from + index}/1.0`);
    await agent({ did: BOB, protocols: protocols(0) });
    await expect(agent({ did: BOB, protocols: protocols(200) })).rejects.toThrow(/too many protocols: .* may bind 256/);
    await agent({ did: BOB, protocols: protocols(56) });
    await agent({ did: ALICE, protocols: protocols(200) });
  });
});
