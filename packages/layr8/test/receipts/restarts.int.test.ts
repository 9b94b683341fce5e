import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { bundleProgram, temporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Client, Receipt } from "../../src/index.ts";
import { ALICE, FAR, KEY, NEAR, order, ORDERS, Places, type Name } from "./places.ts";

const PROGRAM = await bundleProgram(fileURLToPath(new URL("durable-agent.mjs", import.meta.url)));
const states = (receipts: readonly Receipt[]): readonly string[] => receipts.map(({ state }) => state);

let places: Places;
let processes: ChildProcess[];

beforeEach(() => {
  processes = [];
});
afterEach(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await places.close();
});

/** Starts the program as an agent, in its first or second life; resolves once it has said a text. */
async function startAgent(
  node: Name,
  did: string,
  life: 1 | 2,
  text: string,
): Promise<{ readonly child: ChildProcess; readonly said: Promise<void> }> {
  const child = spawn(process.execPath, [PROGRAM, places.node(node).url, KEY, did, String(life)], { stdio: ["ignore", "pipe", "inherit"] });
  processes.push(child);
  let out = "";
  const said = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      child.once("exit", () => reject(new Error(`the agent ended: ${out}`)));
      child.stdout?.on("data", (data) => {
        out += String(data);
        if (out.includes(wanted)) resolve();
      });
    });
  const later = said(text);
  later.catch(() => undefined);
  await said("ready");
  return { child, said: later };
}

async function kill({ child }: { readonly child: ChildProcess }): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** Two nodes whose data outlasts them. */
async function durableNodes(): Promise<{ restart(name: Name): Promise<void>; start(name: Name): Promise<void> }> {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory[Symbol.asyncDispose]());
  const start = (name: Name): Promise<void> => places.start(name, { dataDir: `${directory.path}/${name}` });
  places = await Places.create();
  await Promise.all([start("a"), start("b")]);
  return {
    start,
    restart: async (name) => {
      await places.stop(name);
      await start(name);
    },
  };
}

/** Alice's message, which Bob's handler has and does not acknowledge yet. */
async function sendToWaitingHandler() {
  const acks: (() => void)[] = [];
  const bob = places.client("b", FAR);
  bob.handle(`${ORDERS}/create`, ({ ack }) => void acks.push(ack), { manualAck: true });
  await bob.connect();
  const alice = await places.client("a", ALICE).connect();
  const seen: Receipt[] = [];
  const handled = alice.send(order(FAR), { until: "handled", timeoutMs: Infinity, onReceipt: (receipt) => seen.push(receipt) });
  await expect.poll(() => states(seen)).toEqual(["queued", "delivered"]);
  return { alice, bob, acks, seen, handled };
}

describe.each<[string, Name, string]>([
  ["on the sender's node", "a", NEAR],
  ["on another node", "b", FAR],
])("an agent %s", (_, node, bob) => {
  it("that is killed in the middle of a durable handler confirms the message once, after its restart", async () => {
    places = await Places.create("a", "b");
    const first = await startAgent(node, bob, 1, "began m1");
    const alice = await places.client("a", ALICE).connect();
    const seen: Receipt[] = [];
    const handled = alice.send(order(bob, { id: "m1" }), { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
    await first.said;
    await expect.poll(() => states(seen)).toEqual(["queued", "delivered"]);
    await kill(first);
    expect(states(seen)).toEqual(["queued", "delivered"]);
    await startAgent(node, bob, 2, "began m1");
    expect(states(await handled)).toEqual(["queued", "delivered", "handled"]);
    // A second one would come before the receipts of a later message.
    await alice.send(order(bob, { id: "m2" }), { until: "handled" });
    expect(states(seen)).toEqual(["queued", "delivered", "handled"]);
    expect(await places.metric(node, 'receipts_total{state="handled"}')).toBe(2);
    expect([...alice.rejectedReceipts]).toEqual([]);
  });
});

describe.each<[string, Name]>([
  ["the sender's node", "a"],
  ["the recipient's node", "b"],
])("a restart of %s", (_, name) => {
  it("while a message waits for its handler loses no receipt", async () => {
    const nodes = await durableNodes();
    const { alice, bob, acks, handled } = await sendToWaitingHandler();
    await expect.poll(() => acks.length).toBe(1);
    await nodes.restart(name);
    const other: Client = name === "a" ? alice : bob;
    await expect.poll(() => other.connected, { timeout: 60_000 }).toBe(true);
    // The recipient's node delivers the message again to its agent.
    await expect.poll(() => acks.length, { timeout: 60_000 }).toBe(name === "b" ? 2 : 1);
    acks.at(-1)?.();
    expect(states(await handled)).toEqual(["queued", "delivered", "handled"]);
  }, 120_000);
});

it("receipts wait at the recipient's node while that of the sender is down, and at that of the sender while the sender is away", async () => {
  const nodes = await durableNodes();
  const { acks, seen, handled } = await sendToWaitingHandler();
  await places.stop("a");
  await expect.poll(() => acks.length).toBe(1);
  acks[0]?.();
  await expect.poll(() => places.metric("b", 'receipts_total{state="handled"}')).toBe(1);
  await nodes.restart("b");
  expect(states(seen)).toEqual(["queued", "delivered"]);
  await nodes.start("a");
  expect(states(await handled)).toEqual(["queued", "delivered", "handled"]);
}, 120_000);
