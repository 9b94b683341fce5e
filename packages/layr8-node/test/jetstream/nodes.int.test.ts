import { randomBytes } from "node:crypto";
import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { KEY, NodeProcess } from "../federation/node-process.ts";
import { RawAgent, type RawJoin } from "../raw-agent.ts";
import { useNats } from "./nats-servers.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:node.example:agents:alice";
const BOB = "did:web:node.example:agents:bob";

const NODE_KEY = randomBytes(32);

describeUnless(missingNats(1), "nodes with the same data", () => {
  const nats = useNats(1);
  let prefix: string;
  let names = 0;

  beforeAll(() => {
    prefix = nats.newPrefix();
  });

  async function start(options: NodeOptions = {}): Promise<Layr8Node> {
    const shared = { nats: nats.urls, natsPrefix: prefix, nodeName: `node-${names++}`, nodeKey: NODE_KEY, domain: "node.example" };
    const node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...shared, ...options });
    onTestFinished(() => node.close());
    return node;
  }

  async function join(node: { readonly url: string }, did: string, more: RawJoin = {}): Promise<RawAgent> {
    const agent = await RawAgent.join(node as Layr8Node, { did, protocols: [ECHO], apiKey: KEY, ...more });
    onTestFinished(() => agent.close());
    return agent;
  }

  const message = (id: string, from: string, to: string): object => ({ id, type: `${ECHO}/request`, from, to: [to], body: {} });

  it("need a node key, and a name of their own", async () => {
    const options = { port: 0, logger: false, nats: nats.urls, natsPrefix: prefix } as const;
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

  it("end the connection of a DID that joins at another node, which gets what was not acknowledged", async () => {
    const [one, other] = [await start(), await start()];
    const bob = await join(one, BOB);
    const alice = await join(other, ALICE);
    await alice.send(message("first", ALICE, BOB));
    expect((await bob.receive()).plaintext).toMatchObject({ id: "first" });
    const again = await join(other, BOB);
    expect((await again.receive()).plaintext).toMatchObject({ id: "first" });
    expect(await bob.event("phx_close")).toBeDefined();
    await alice.send(message("second", ALICE, BOB));
    expect((await again.receive()).plaintext).toMatchObject({ id: "second" });
    again.ack("first", "second");
  });

  it("close the sockets of an API key that one of them revokes", async () => {
    const [one, other] = [await start(), await start()];
    const { id, key } = await one.createApiKey({ dids: ["did:web:node.example:agents:carol"] });
    await expect.poll(() => other.listApiKeys().some((each) => each.id === id)).toBe(true);
    const carol = await join(other, "did:web:node.example:agents:carol", { apiKey: key });
    expect(await one.revokeApiKey(id)).toBe(true);
    await carol.client.closed;
  });

  it("have everything for the agent of a node that is killed", async () => {
    process.env["LAYR8_NODE_KEY"] = NODE_KEY.toString("base64");
    const args = ["--nats", nats.urls.join(","), "--nats-prefix", prefix, "--node-name", "killed", "--domain", "node.example"];
    const killed = new NodeProcess(24_871, args);
    onTestFinished(() => killed.kill());
    await killed.start();
    const one = await start();
    const alice = await join(one, ALICE);
    const bob = await join(killed, BOB);
    const ids = Array.from({ length: 60 }, (_, index) => `m${index}`);
    for (const id of ids.slice(0, 30)) expect(await alice.send(message(id, ALICE, BOB))).toMatchObject({ status: "ok" });
    for (const id of ids.slice(0, 30)) expect((await bob.receive()).plaintext).toMatchObject({ id });
    bob.ack(...ids.slice(0, 10));
    // The answer to a push comes after the acknowledgements before it.
    await bob.send(message("from-bob", BOB, ALICE));
    await killed.kill();
    for (const id of ids.slice(30)) expect(await alice.send(message(id, ALICE, BOB))).toMatchObject({ status: "ok" });
    const again = await join(one, BOB);
    const got = new Set<unknown>();
    while (!got.has("m59")) got.add((await again.receive()).plaintext["id"]);
    for (const id of ids.slice(10)) expect(got).toContain(id);
  });
});
