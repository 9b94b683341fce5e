import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { freePort, temporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Client, mediation, type Config, type InboundMessage } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const KEY = "a-key-that-may-bind-any-did";
const ALICE = "did:web:sender.localhost:alice";
const BOB = "did:web:home.localhost:bob";
const CAROL = "did:web:home.localhost:carol";
const MEDIATOR = "did:web:mediator.localhost:inbox";
const NAMES = ["sender", "mediator", "home"] as const;
type Name = (typeof NAMES)[number];

let ports: Record<Name, number>;
let nodes: Map<Name, Layr8Node>;
let clients: Client[];
let errors: unknown[];
let received: unknown[];

async function start(name: Name, options: NodeOptions = {}): Promise<void> {
  const hosts = Object.fromEntries(NAMES.map((host) => [`${host}.localhost`, `http://127.0.0.1:${ports[host]}`]));
  const node = await startNode({
    port: ports[name],
    domain: `${name}.localhost`,
    logger: false,
    apiKeys: [{ key: KEY, dids: "any" }],
    resolution: { hosts, cacheTtlMs: 0 },
    ...(name === "mediator" && { mediator: MEDIATOR }),
    ...options,
  });
  nodes.set(name, node);
}

function client(name: Name, agentDid: string, config: Config = {}): Client {
  const nodeUrl = nodes.get(name)?.url;
  const made = new Client({ nodeUrl, apiKey: KEY, agentDid, attachGrants: false, ...config }, (error) => void errors.push(error));
  clients.push(made);
  return made;
}

function echoing(name: Name, did: string, config: Config = {}): Client {
  const made = client(name, did, config);
  made.handle(`${ECHO}/request`, ({ body, to, context }: InboundMessage) => {
    received.push([to[0], body["n"]]);
    return context?.replyExpected === true ? { type: `${ECHO}/response`, body } : undefined;
  });
  return made;
}

const ask = (to: string, n: number) => ({ type: `${ECHO}/request`, to, body: { n } });

/** The number of messages that wait for a DID. */
async function waiting(agent: Client, did?: string): Promise<unknown> {
  const result = await mediation.status(agent, MEDIATOR, did === undefined ? {} : { did });
  return result.ok ? result.status["message_count"] : result.error.code;
}

beforeEach(async () => {
  [clients, errors, received] = [[], [], []];
  nodes = new Map();
  ports = { sender: await freePort(), mediator: await freePort(), home: await freePort() };
  await Promise.all(NAMES.map((name) => start(name)));
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await Promise.all(Array.from(nodes.values(), (node) => node.close()));
});

describe("an agent with a mediator", () => {
  it("gets messages through it: at once while it is connected, later if it was away", async () => {
    const alice = await client("sender", ALICE).connect();
    const bob = echoing("home", BOB, { mediator: MEDIATOR });
    await bob.connect();
    await expect
      .poll(async () => (await mediation.status(bob, MEDIATOR).then((result) => result.ok && result.status["live_delivery"])) === true)
      .toBe(true);
    expect(await alice.request(ask(BOB, 1))).toMatchObject({ from: BOB, body: { n: 1 } });
    await bob.close();
    await alice.send(ask(BOB, 2));
    await alice.send(ask(BOB, 3));
    const back = echoing("home", BOB, { mediator: MEDIATOR });
    await back.connect();
    await expect
      .poll(() => received, { timeout: 10_000 })
      .toEqual([
        [BOB, 1],
        [BOB, 2],
        [BOB, 3],
      ]);
    await expect.poll(() => waiting(back)).toBe(0);
    expect(errors).toEqual([]);
  });

  it("can fetch what waits itself, and leave the mediator", async () => {
    const alice = await client("sender", ALICE).connect();
    const bob = await echoing("home", BOB).connect();
    expect(await mediation.bootstrap(bob, MEDIATOR, { live: false })).toEqual({ ok: true, collected: 0, refused: 0 });
    expect(await mediation.enroll(bob, MEDIATOR)).toMatchObject({
      ok: true,
      routingDid: [MEDIATOR],
      updated: [{ recipient_did: BOB, action: "add", result: "no_change" }],
    });
    for (let n = 0; n < 25; n++) await alice.send(ask(BOB, n));
    await expect.poll(() => waiting(bob), { timeout: 10_000 }).toBe(25);
    expect(received).toEqual([]);
    expect(await mediation.pickup(bob, MEDIATOR)).toEqual({ ok: true, collected: 25, refused: 0 });
    await expect.poll(() => received).toEqual(Array.from({ length: 25 }, (_, n) => [BOB, n]));
    expect(await waiting(bob)).toBe(0);
    expect(await mediation.undeclare(bob)).toEqual({ ok: true });
    expect(await alice.request(ask(BOB, 25))).toMatchObject({ body: { n: 25 } });
  });

  it("keeps what its node can't take now with the mediator", async () => {
    const alice = await client("sender", ALICE).connect();
    const bob = await echoing("home", BOB).connect();
    await mediation.bootstrap(bob, MEDIATOR, { live: false });
    await alice.send(ask(BOB, 1));
    await expect.poll(() => waiting(bob), { timeout: 10_000 }).toBe(1);
    const nowhere = { didcommUrl: `http://127.0.0.1:${await freePort()}/didcomm` };
    expect(await mediation.pickup(bob, MEDIATOR, nowhere)).toMatchObject({ ok: false, error: { code: "mediation_incomplete" } });
    expect(await waiting(bob)).toBe(1);
    expect(await mediation.pickup(bob, MEDIATOR)).toMatchObject({ ok: true, collected: 1 });
  });

  it("acts as a joined DID, and as no other", async () => {
    const alice = await client("sender", ALICE).connect();
    const bob = echoing("home", BOB);
    await bob.connect();
    await bob.joinDid(CAROL, { protocols: [ECHO], mediated: true });
    expect(await mediation.bootstrap(bob, MEDIATOR, { did: CAROL })).toMatchObject({ ok: true });
    expect(await alice.request(ask(CAROL, 1))).toMatchObject({ from: CAROL });
    expect(await waiting(bob, CAROL)).toBe(0);
    expect(await mediation.bootstrap(bob, MEDIATOR, { did: "did:web:home.localhost:dave" })).toMatchObject({
      ok: false,
      step: "enroll",
      error: { code: "not_joined" },
    });
  });

  it("turns live delivery on again after the mediator has restarted, and gets the messages of that time", async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory[Symbol.asyncDispose]());
    const dataDir = directory.path;
    const restart = async (): Promise<void> => {
      await nodes.get("mediator")?.close();
      await start("mediator", { dataDir });
    };
    await restart();
    const alice = await client("sender", ALICE).connect();
    const bob = echoing("home", BOB, { mediator: MEDIATOR, mediatorCheckMs: 100 });
    await bob.connect();
    const isLive = async (): Promise<void> =>
      expect
        .poll(async () => (await mediation.status(bob, MEDIATOR).then((result) => result.ok && result.status["live_delivery"])) === true)
        .toBe(true);
    await isLive();
    await alice.send(ask(BOB, 1));
    await expect.poll(() => received).toEqual([[BOB, 1]]);
    await restart();
    await alice.send(ask(BOB, 2));
    await expect.poll(() => received).toEqual([1, 2].map((n) => [BOB, n]));
    await isLive();
    await alice.send(ask(BOB, 3));
    await expect.poll(() => received).toEqual([1, 2, 3].map((n) => [BOB, n]));
    await expect.poll(() => waiting(bob)).toBe(0);
  });

  it("reports steps that fail to the error handler", async () => {
    const bob = client("home", BOB, { mediator: "did:web:mediator.localhost:nobody" });
    await bob.connect();
    await expect.poll(() => errors, { timeout: 10_000 }).toMatchObject([{ kind: "mediation" }]);
  });
});

describe("options about a mediator", () => {
  it.each<[Config, string]>([
    [{ mediator: "mediator" }, "Config.mediator must be a DID"],
    [{ mediatorCheckMs: 0 }, "Config.mediatorCheckMs must be a number of milliseconds from 100 to 86400000"],
    [{ mediatorLive: 1 as never }, "Config.mediatorLive must be true or false"],
    [{ didcommUrl: "ws://x" }, "Config.didcommUrl must be an http or https URL"],
  ])("are checked: %j", (config, message) => {
    expect(() => client("home", BOB, config)).toThrow(message);
  });
});
