import type { InboundMessage } from "@parley/didcomm-agent";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AlreadyConnectedError, Client, ClientClosedError, ConnectionError, NotConnectedError, type Config } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const CAROL = "did:web:localhost:carol";
const DAVE = "did:web:localhost:dave";
const KEY = "a-key-that-may-bind-any-did";
const NARROW = "a-key-that-may-bind-two-dids";

let node: Layr8Node;
let clients: Client[];
let errors: unknown[];

function client(agentDid: string, config: Config = {}): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: KEY, agentDid, ...config }, (error) => void errors.push(error));
  clients.push(made);
  return made;
}

async function start(port = 0, dids: readonly string[] = [ALICE, BOB]): Promise<void> {
  node = await startNode({
    port,
    logger: false,
    apiKeys: [{ key: KEY, dids: "any" }, ...(dids.length > 0 ? [{ key: NARROW, dids }] : [])],
  });
}

beforeEach(async () => {
  [clients, errors] = [[], []];
  await start();
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

const ask = (to: string) => ({ type: `${ECHO}/request`, to, body: { text: "hello" } });
const answerAs =
  (name: string) =>
  ({ to }: InboundMessage) => ({ type: `${ECHO}/response`, body: { name, to } });

/** The number of sockets that the node has. */
async function sockets(): Promise<number> {
  const metrics = await (await fetch(`${node.metricsUrl}/metrics`)).text();
  return Number(/^\S*sockets\S* (\d+)$/m.exec(metrics)?.[1]);
}

describe("a further DID of a client", () => {
  it("sends, requests and answers in its own name, on the same socket", async () => {
    const alice = client(ALICE);
    alice.handle(`${ECHO}/request`, answerAs("alice"));
    await alice.connect();
    const bob = await alice.joinDid(BOB, { handlers: { [`${ECHO}/request`]: answerAs("bob") } });
    const carol = await alice.joinDid(CAROL, { protocols: [ECHO] });
    expect([bob.did, bob.connected]).toEqual([BOB, true]);
    expect(await sockets()).toBe(1);
    const dave = await client(DAVE).connect();
    expect(await dave.request(ask(ALICE))).toMatchObject({ from: ALICE, body: { name: "alice" } });
    expect(await dave.request(ask(BOB))).toMatchObject({ from: BOB, body: { name: "bob" } });
    // Carol has no handler of her own.
    expect(await dave.request(ask(CAROL))).toMatchObject({ from: CAROL, body: { name: "alice" } });
    expect(await bob.request(ask(CAROL))).toMatchObject({ to: [BOB], body: { name: "alice", to: [CAROL] } });
    expect(await carol.send(ask(BOB))).toMatchObject({ from: CAROL });
    expect(errors).toEqual([]);
  });

  it("acknowledges by id what its handlers leave", async () => {
    const alice = await client(ALICE).connect();
    const ids: string[] = [];
    const fn = ({ id }: InboundMessage): void => void ids.push(id);
    const bob = await alice.joinDid(BOB, { handlers: { [`${ECHO}/request`]: { fn, manualAck: true } } });
    const dave = await client(DAVE).connect();
    const sent = await dave.send(ask(BOB));
    await expect.poll(() => ids).toEqual([sent.id]);
    bob.sendAck(["unknown", sent.id]);
    await alice.leaveDid(BOB);
    // An unacknowledged message would be delivered to the next connection first.
    await alice.joinDid(BOB, { handlers: { [`${ECHO}/request`]: { fn, manualAck: true } } });
    const second = await dave.send(ask(BOB));
    await expect.poll(() => ids).toEqual([sent.id, second.id]);
  });

  it("can't be joined before connect, twice, or if it is the client's own", async () => {
    const alice = client(ALICE);
    await expect(alice.joinDid(BOB)).rejects.toBeInstanceOf(NotConnectedError);
    await alice.connect();
    await alice.joinDid(BOB, { protocols: [ECHO] });
    await expect(alice.joinDid(BOB)).rejects.toThrow("already joined");
    await expect(alice.joinDid(BOB)).rejects.toBeInstanceOf(AlreadyConnectedError);
    await expect(alice.joinDid(ALICE)).rejects.toThrow("already hosted by connect");
    await expect(alice.joinDid("bob")).rejects.toThrow(TypeError);
    await expect(alice.joinDid(CAROL, { protocol: ECHO } as never)).rejects.toThrow('Did you mean "protocols"?');
    await expect(alice.joinDid(CAROL, { handlers: { [`${ECHO}/request`]: 5 } } as never)).rejects.toThrow("A handler must be a function");
    await alice.close();
    await expect(alice.joinDid(CAROL)).rejects.toBeInstanceOf(ClientClosedError);
  });

  it("can be joined again after a failed join", async () => {
    const alice = await client(ALICE, { apiKey: NARROW }).connect();
    for (let attempt = 0; attempt < 2; attempt++) await expect(alice.joinDid(CAROL)).rejects.toBeInstanceOf(ConnectionError);
    expect((await alice.joinDid(BOB)).connected).toBe(true);
  });

  it("is left by leaveDid, and with the client", async () => {
    const alice = await client(ALICE).connect();
    const bob = await alice.joinDid(BOB, { protocols: [ECHO] });
    const carol = await alice.joinDid(CAROL, { protocols: [ECHO] });
    const dave = await client(DAVE).connect();
    const waiting = bob.request(ask(DAVE));
    const ended = expect(waiting).rejects.toBeInstanceOf(Error);
    await alice.leaveDid(BOB);
    await ended;
    await alice.leaveDid("did:web:localhost:unknown");
    await expect(bob.send(ask(CAROL))).rejects.toBeInstanceOf(ClientClosedError);
    expect(bob.connected).toBe(false);
    await alice.joinDid(BOB, { handlers: { [`${ECHO}/request`]: answerAs("bob, again") } });
    expect(await dave.request(ask(BOB))).toMatchObject({ body: { name: "bob, again" } });
    await alice.close();
    expect(carol.connected).toBe(false);
    await dave.close();
    await expect.poll(sockets).toBe(0);
  });

  it("comes back after a loss of the link, and one that the node refuses affects no other", async () => {
    const config = { apiKey: NARROW };
    const alice = client(ALICE, config);
    alice.handle(`${ECHO}/request`, answerAs("alice"));
    await alice.connect();
    const bob = await alice.joinDid(BOB, { protocols: [ECHO] });
    const { port } = node;
    await node.close();
    // The same key may bind Alice only from now on.
    await start(port, [ALICE]);
    const dave = client(DAVE);
    await dave.connect();
    await expect.poll(() => alice.connected, { timeout: 20_000 }).toBe(true);
    expect(await dave.request(ask(ALICE))).toMatchObject({ body: { name: "alice" } });
    await expect.poll(() => errors.length, { timeout: 20_000 }).toBeGreaterThan(0);
    await expect(bob.send(ask(DAVE))).rejects.toBeInstanceOf(NotConnectedError);
    await node.close();
    await start(port);
    await expect.poll(() => alice.connected && bob.connected && dave.connected, { timeout: 60_000 }).toBe(true);
    expect(await dave.request(ask(BOB))).toMatchObject({ from: BOB, body: { name: "alice" } });
  }, 90_000);
});
