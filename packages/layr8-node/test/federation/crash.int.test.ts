import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gateOrSoak } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CuttingProxy } from "./cutting-proxy.ts";
import { NodeProcess } from "./node-process.ts";
import { ALICE, BOB, ECHO, freePort } from "./pair.ts";
import { SteadyAgent } from "./steady-agent.ts";

const TIMEOUT = gateOrSoak(150_000, 3_600_000);
const MESSAGES = gateOrSoak(150, 5000);

let folder: string;
let nodes: { readonly a: NodeProcess; readonly b: NodeProcess };
let links: { readonly toA: CuttingProxy; readonly toB: CuttingProxy };
let alice: SteadyAgent;
let bob: SteadyAgent;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "layr8-crash-"));
  const [portA, portB] = [await freePort(), await freePort()];
  links = { toA: await CuttingProxy.listen(portA), toB: await CuttingProxy.listen(portB) };
  const start = (name: string, port: number, other: string, link: CuttingProxy) =>
    new NodeProcess(port, [
      "--domain",
      `${name}.localhost`,
      "--data-dir",
      join(folder, name),
      "--peer",
      `${other}.localhost=${link.origin}`,
    ]);
  nodes = { a: start("a", portA, "b", links.toB), b: start("b", portB, "a", links.toA) };
  await Promise.all([nodes.a.start(), nodes.b.start()]);
  [alice, bob] = [new SteadyAgent(nodes.a, ALICE), new SteadyAgent(nodes.b, BOB)];
});
afterEach(async () => {
  await Promise.all([alice.stop(), bob.stop()]);
  await Promise.all([nodes.a.kill(), nodes.b.kill(), links.toA.close(), links.toB.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** Sends one message after the other, each until it is acknowledged. Resolves with the acknowledged ids. */
async function load(from: SteadyAgent, to: SteadyAgent, name: string): Promise<string[]> {
  const ids = Array.from({ length: MESSAGES }, (_, index) => `${name}-${index}`);
  for (const id of ids) await from.send({ id, type: `${ECHO}/note`, from: from.did, to: [to.did], body: { text: "x".repeat(200) } });
  return ids;
}

/** Repeats an action at random times, at least twice and until the signal fires. */
async function repeatAtRandomTimes(stop: AbortSignal, act: () => Promise<void>): Promise<void> {
  for (let times = 0; times < 2 || !stop.aborted; times++) {
    // A random pause, so that the action hits any state. No assertion depends on it.
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 600));
    await act();
  }
}

async function cutOnce(): Promise<void> {
  const link = Math.random() < 0.5 ? links.toA : links.toB;
  link.cut();
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 500));
  link.mend();
}

async function killOnce(): Promise<void> {
  const node = Math.random() < 0.5 ? nodes.a : nodes.b;
  await node.kill();
  await node.start();
}

/** Ids that were delivered twice although their node was not killed: its memory of stored messages is wrong. */
function doubled({ got }: SteadyAgent): string[] {
  const seen = new Set<string>();
  return got.map(({ id, connection }) => `${connection}: ${id}`).filter((delivery) => seen.size === seen.add(delivery).size);
}

const firstOf = ({ got }: SteadyAgent): string[] => [...new Set(got.map(({ id }) => id))];

describe("two nodes under load in both directions lose no acknowledged message and keep the order", () => {
  it("while the links between them are cut, and deliver no message twice", { timeout: TIMEOUT }, async () => {
    const peace = new AbortController();
    const chaos = repeatAtRandomTimes(peace.signal, cutOnce);
    const [toBob, toAlice] = await Promise.all([load(alice, bob, "a"), load(bob, alice, "b")]);
    peace.abort();
    await chaos;
    await expect.poll(() => firstOf(bob).length, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
    await expect.poll(() => firstOf(alice).length, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
    expect(bob.got.map(({ id }) => id)).toEqual(toBob);
    expect(alice.got.map(({ id }) => id)).toEqual(toAlice);
  });

  it("while the nodes are killed and the links are cut", { timeout: TIMEOUT }, async () => {
    const peace = new AbortController();
    const chaos = Promise.all([repeatAtRandomTimes(peace.signal, cutOnce), repeatAtRandomTimes(peace.signal, killOnce)]);
    const [toBob, toAlice] = await Promise.all([load(alice, bob, "a"), load(bob, alice, "b")]);
    peace.abort();
    await chaos;
    await expect.poll(() => firstOf(bob).length, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
    await expect.poll(() => firstOf(alice).length, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
    expect(firstOf(bob)).toEqual(toBob);
    expect(firstOf(alice)).toEqual(toAlice);
    expect([...doubled(alice), ...doubled(bob)]).toEqual([]);
  });
});
