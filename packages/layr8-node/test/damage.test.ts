import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { startNode, type Layr8Node } from "../src/index.ts";
import { Router } from "../src/routing/router.ts";
import { RawAgent } from "./raw-agent.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const CAROL = "did:web:localhost:carol";
const CHAT = "https://example.org/chat/1.0";
const API_KEY = "a key that the tests use";
const COUNT = 20;
const DAY = 24 * 60 * 60_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await directory.remove();
});

const start = (): Promise<Layr8Node> =>
  startNode({ port: 0, dataDir: directory.path, logger: false, apiKeys: [{ key: API_KEY, dids: "any" }] });
const joinAs = (node: Layr8Node, did: string): Promise<RawAgent> => RawAgent.join(node, { did, protocols: [CHAT], apiKey: API_KEY });
const textOf = (number: number): string => `the text of message ${String(number).padStart(3, "0")}, which is as it was sent`;

/** Messages of Alice that wait for Bob and Carol, who are away. */
async function fill(node: Layr8Node): Promise<void> {
  for (const did of [BOB, CAROL]) (await joinAs(node, did)).close();
  const alice = await joinAs(node, ALICE);
  for (let number = 0; number < COUNT; number++) {
    const to = number % 2 === 0 ? BOB : CAROL;
    const message = { id: `message-${number}`, type: `${CHAT}/say`, from: ALICE, to: [to], body: { text: textOf(number) } };
    expect(await alice.send(message)).toMatchObject({ status: "ok" });
  }
  alice.close();
}

/** Ids of the messages delivered to an agent, up to `last`. */
async function received(node: Layr8Node, did: string, last: string): Promise<Map<string, unknown>> {
  const agent = await joinAs(node, did);
  const found = new Map<string, unknown>();
  while (!found.has(last)) {
    const { plaintext } = await agent.receive();
    found.set(String(plaintext["id"]), plaintext["body"]);
  }
  agent.close();
  return found;
}

async function flip(text: string, offset = 0): Promise<void> {
  const path = join(directory.path, "node.mdb");
  const content = await readFile(path);
  let count = 0;
  for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1), count++) {
    content[at + offset] = (content[at + offset] ?? 0) ^ 1;
  }
  expect(count).toBeGreaterThan(0);
  await writeFile(path, content);
}

describe("a node whose disk has damaged a record", () => {
  beforeEach(async () => {
    await using node = await start();
    await fill(node);
  });

  it.each([
    ["text", textOf(4), 0],
    ["header", `["message-4","${ALICE}"`, 3],
    ["length", `["message-4","${ALICE}"`, -8],
  ])("delivers all other messages of the inbox, none of them altered: %s", async (part, text, offset) => {
    await flip(text, offset);
    await using node = await start();
    const found = await received(node, BOB, `message-${COUNT - 2}`);
    const expected = Array.from({ length: COUNT / 2 }, (_, index) => 2 * index).filter((number) => number !== 4);
    expect([...found]).toEqual(expected.map((number) => [`message-${number}`, { text: textOf(number) }]));
    expect((await received(node, CAROL, `message-${COUNT - 1}`)).size).toBe(COUNT / 2);

    const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(metrics).toContain('layr8_node_messages_dead_total{cause="damaged"} 1');
    expect(metrics).toContain("layr8_node_damaged_records_total 1");
    expect(metrics).toContain("layr8_node_failures_total 0");
    if (part !== "text") return;
    const alice = await joinAs(node, ALICE);
    const { plaintext } = await alice.receive();
    expect(plaintext).toMatchObject({ from: BOB, thid: "message-4", body: { code: "e.p.me.res.storage", args: ["message-4", BOB] } });
    alice.close();
  });

  it("sets the damaged record aside, and does not read it again", async () => {
    await flip(textOf(4));
    {
      await using node = await start();
      await received(node, BOB, `message-${COUNT - 2}`);
    }
    await using node = await start();
    await received(node, BOB, `message-${COUNT - 2}`);
    expect(await (await fetch(`${node.httpUrl}/metrics`)).text()).toContain("layr8_node_damaged_records_total 0");
  });

  it("starts and serves other agents where the record of one inbox, or of one DID, is damaged", async () => {
    await flip(`{"did":"${BOB}"`, 3);
    await using node = await start();
    expect((await received(node, CAROL, `message-${COUNT - 1}`)).size).toBe(COUNT / 2);
  });
});

it("a copy of a stopped node's directory, at another place, has everything that was acknowledged", async () => {
  {
    await using node = await start();
    await fill(node);
  }
  const copy = await temporaryDirectory();
  try {
    for (const name of ["node.mdb", "node.key"]) await copyFile(join(directory.path, name), join(copy.path, name));
    await using node = await startNode({ port: 0, dataDir: copy.path, logger: false, apiKeys: [{ key: API_KEY, dids: "any" }] });
    expect((await received(node, BOB, `message-${COUNT - 2}`)).size).toBe(COUNT / 2);
    expect((await received(node, CAROL, `message-${COUNT - 1}`)).size).toBe(COUNT / 2);
  } finally {
    await copy.remove();
  }
});

describe("a node whose clock jumps", () => {
  it.each([
    ["ahead", 8 * DAY],
    ["back", -365 * DAY],
  ])("%s keeps its agents' connections, and sends nothing again early", async (_direction, jump) => {
    await using node = await start();
    const alice = await joinAs(node, ALICE);
    const bob = await joinAs(node, BOB);
    await alice.send({ id: "1", type: `${CHAT}/say`, from: ALICE, to: [BOB], body: {} });
    await bob.receive();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jump });
    const sweeps = vi.spyOn(Router.prototype, "sweep");
    await expect.poll(() => sweeps.mock.calls.length, { timeout: 30_000 }).toBeGreaterThan(3);
    for (const agent of [alice, bob]) expect(await agent.client.push("phoenix", "heartbeat", {})).toMatchObject({ status: "ok" });
    expect(await (await fetch(`${node.httpUrl}/metrics`)).text()).toContain("layr8_node_messages_redelivered_total 0");
    for (const agent of [alice, bob]) agent.close();
  });

  it("back deletes no message that was sent while it was wrong, nor a DID, when it is right again", async () => {
    await using node = await start();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 365 * DAY });
    await fill(node);
    vi.useRealTimers();
    const sweeps = vi.spyOn(Router.prototype, "sweep");
    await expect.poll(() => sweeps.mock.calls.length, { timeout: 30_000 }).toBeGreaterThan(3);
    expect((await received(node, BOB, `message-${COUNT - 2}`)).size).toBe(COUNT / 2);
  });
});

describe("a node whose clock jumps ahead", () => {
  it("deletes no waiting message and no DID while the clock is wrong, and continues when it is right again", async () => {
    await using node = await start();
    await fill(node);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 8 * DAY });
    const sweeps = vi.spyOn(Router.prototype, "sweep");
    await expect.poll(() => sweeps.mock.calls.length).toBeGreaterThan(3);
    (await joinAs(node, ALICE)).close();
    const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(metrics).not.toContain("messages_dead_total{");
    expect(metrics).toMatch(/layr8_node_clock_held_back_ms [67]\d{8}/);
    vi.useRealTimers();
    expect((await received(node, BOB, `message-${COUNT - 2}`)).size).toBe(COUNT / 2);
    expect((await received(node, CAROL, `message-${COUNT - 1}`)).size).toBe(COUNT / 2);
  });

  it("keeps them too when it starts with the wrong clock", async () => {
    {
      await using node = await start();
      await fill(node);
    }
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 8 * DAY });
    await using node = await start();
    expect((await received(node, BOB, `message-${COUNT - 2}`)).size).toBe(COUNT / 2);
  });

  it("expires messages at once if the operator accepts the clock", async () => {
    {
      await using node = await start();
      await fill(node);
    }
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 8 * DAY });
    await using node = await startNode({
      port: 0,
      dataDir: directory.path,
      logger: false,
      apiKeys: [{ key: API_KEY, dids: "any" }],
      acceptClock: true,
    });
    await expect
      .poll(async () => (await fetch(`${node.httpUrl}/metrics`)).text())
      .toContain(`layr8_node_messages_dead_total{cause="expired"} ${COUNT}`);
  });
});
