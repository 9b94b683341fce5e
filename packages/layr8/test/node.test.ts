import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, ErrorKind, logErrors, PASS, PhoenixTransport, ServerRejectError, type Config, type SDKError } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ORDER = "https://layr8.io/protocols/order/1.0";

let node: Layr8Node;
let clients: Client[];
let errors: SDKError[];

function client(config: Config = {}): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: node.apiKey, ...config }, (error) => void errors.push(error));
  clients.push(made);
  return made;
}

async function echoAgent(config: Config = {}): Promise<Client> {
  const echo = client(config);
  echo.handle(`${ECHO}/request`, (message) => ({ type: `${ECHO}/response`, body: message.body }));
  return echo.connect();
}

beforeEach(async () => {
  [clients, errors] = [[], []];
  node = await startNode({ port: 0, logger: false });
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

describe("agents on a real node", () => {
  it("match 500 concurrent responses to their requests", async () => {
    const echo = await echoAgent();
    const asker = await client().connect();
    const questions = Array.from({ length: 500 }, (_, n) => n);
    const answers = await Promise.all(questions.map((n) => asker.request({ type: `${ECHO}/request`, to: echo.did, body: { n } })));
    expect(answers.map(({ body }) => body["n"])).toEqual(questions);
    expect(errors).toEqual([]);
  });

  it("carry bodies of 64 KiB and more, and report one that is too large", async () => {
    const echo = await echoAgent();
    const asker = await client().connect();
    const text = "é".repeat(200_000);
    expect((await asker.request({ type: `${ECHO}/request`, to: echo.did, body: { text } })).body["text"]).toBe(text);
    await expect(asker.send({ type: `${ECHO}/request`, to: echo.did, body: { text: "x".repeat(2_000_000) } })).rejects.toMatchObject({
      code: "message_too_large",
    });
    expect((await asker.request({ type: `${ECHO}/request`, to: echo.did, body: { n: 1 } })).body).toEqual({ n: 1 });
  });

  it("share one socket, many DIDs on it", async () => {
    const transport = new PhoenixTransport({ nodeUrl: node.url, apiKey: node.apiKey ?? "" });
    const dids = Array.from({ length: 20 }, (_, n) => `did:web:localhost:agent-${n}`);
    const agents = await Promise.all(dids.map((agentDid) => echoAgent({ transport, agentDid })));
    expect(agents.map(({ did }) => did)).toEqual(dids);
    expect(await (await fetch(`${node.httpUrl}/metrics`)).text()).toContain("layr8_node_sockets 1");
    const [first, ...others] = agents;
    for (const other of others) {
      expect((await first?.request({ type: `${ECHO}/request`, to: other.did, body: { to: other.did } }))?.from).toBe(other.did);
    }
  });

  it("pass a message on to the next; without one, its sender gets an error", async () => {
    const asker = await client().connect();
    const agent = client({ agentDid: "did:web:localhost:choosy" });
    agent.handle(`${ORDER}/created`, () => PASS);
    await agent.connect();
    await expect(asker.request({ type: `${ORDER}/created`, to: agent.did })).rejects.toMatchObject({ code: "e.p.msg.unsupported" });
  });

  it("are pinged by way of the node's built-in protocols", async () => {
    const echo = await echoAgent();
    const asker = await client().connect();
    const pong = await asker.request({ type: "https://didcomm.org/trust-ping/2.0/ping", to: echo.did });
    expect(pong).toMatchObject({ type: "https://didcomm.org/trust-ping/2.0/ping-response", from: echo.did });
  });

  it("report a rejection to the caller, or to the error handler without one", async () => {
    const asker = await client().connect();
    const lost = { type: `${ECHO}/request`, to: "did:web:localhost:nobody" };
    await expect(asker.send(lost)).rejects.toThrow(ServerRejectError);
    await expect(asker.request(lost)).rejects.toThrow("unknown recipient");
    await asker.send({ ...lost, id: "unheard" }, { fireAndForget: true });
    await expect.poll(() => errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT, messageId: "unheard" }]);
  });

  it("receive the reason when a policy rejects them", async () => {
    await node.close();
    node = await startNode({ port: 0, logger: false, policies: [{ did: "did:web:localhost:vault", allow: [] }] });
    await echoAgent({ agentDid: "did:web:localhost:vault" });
    const eve = await client({ agentDid: "did:web:localhost:eve" }).connect();
    await expect(eve.send({ type: `${ECHO}/request`, to: "did:web:localhost:vault" })).rejects.toMatchObject({
      reason: "unauthorized",
      problemCode: "e.m.authz.denied",
      message: "The node refused the message: unauthorized (did:web:localhost:vault does not accept messages from did:web:localhost:eve)",
    });
  });

  it("report when another connection has taken over their DID", async () => {
    const first = await echoAgent({ agentDid: "did:web:localhost:echo" });
    const lost = new Promise((resolve) => void first.onDisconnect(resolve));
    await echoAgent({ agentDid: "did:web:localhost:echo" });
    await expect(lost).resolves.toMatchObject({ code: "taken_over" });
    await expect(first.send({ type: `${ECHO}/request`, to: first.did })).rejects.toMatchObject({ code: "not_connected" });
  });

  it("get an error for an invalid key", async () => {
    await expect(client({ apiKey: "wrong" }).connect()).rejects.toMatchObject({ name: "ConnectionError", code: "unauthorized" });
    const { key } = await node.createApiKey({ dids: ["did:web:localhost:mine"] });
    await expect(client({ apiKey: key, agentDid: "did:web:localhost:yours" }).connect()).rejects.toMatchObject({
      code: "join_refused",
      reason: "unauthorized",
    });
  });

  it("end permanently when their key is revoked", async () => {
    const { id, key } = await node.createApiKey({ dids: "any" });
    const agent = await client({ apiKey: key }).connect();
    const reasons: string[] = [];
    agent.onDisconnect(({ code }) => reasons.push(code));
    await node.revokeApiKey(id);
    await expect.poll(() => errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT, cause: { code: "unauthorized" } }]);
    // The link was lost once; that it doesn't come back is not another loss.
    expect(reasons).toEqual(["disconnected"]);
    await expect(agent.send({ type: `${ECHO}/request`, to: agent.did })).rejects.toMatchObject({ reason: "ended", retryable: false });
  });

  it("survive a restart of the node, ephemeral DIDs included, and lose nothing that it had accepted", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "layr8-"));
    try {
      await node.close();
      node = await startNode({ port: 0, logger: false, dataDir });
      const { apiKey, port } = node;
      const orders: string[] = [];
      const taker = client({ apiKey, agentDid: "did:web:localhost:taker" });
      taker.handle(`${ORDER}/created`, ({ id }) => void orders.push(id));
      await taker.connect();
      const shop = await client({ apiKey }).connect();
      const { did } = shop;
      await taker.close();
      for (let n = 0; n < 10; n++) await shop.send({ id: `order-${n}`, type: `${ORDER}/created`, to: taker.did });
      const back = new Promise<void>((resolve) => void shop.onReconnect(resolve));
      await node.close();
      await expect(shop.send({ type: `${ORDER}/created`, to: taker.did })).rejects.toMatchObject({ retryable: true });
      node = await startNode({ port, logger: false, dataDir });
      await back;
      expect(shop.did).toBe(did);
      const again = client({ apiKey, agentDid: taker.did });
      again.handle(`${ORDER}/created`, ({ id }) => void orders.push(id));
      await again.connect();
      await expect.poll(() => orders).toEqual(Array.from({ length: 10 }, (_, n) => `order-${n}`));
    } finally {
      await Promise.all(clients.map((made) => made.close()));
      await node.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it("log errors through the built-in helper", async () => {
    const lines: string[] = [];
    const agent = new Client(
      { nodeUrl: node.url, apiKey: node.apiKey },
      logErrors((line) => void lines.push(line)),
    );
    clients.push(agent);
    await agent.connect();
    await agent.send({ id: "1", type: `${ECHO}/request`, to: "did:web:localhost:nobody" }, { fireAndForget: true });
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toContain("[parley] server_reject id=1");
  });
});
