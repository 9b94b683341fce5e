import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gateOrSoak } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NodeProcess } from "../federation/node-process.ts";
import { ALICE, BOB, ECHO, freePort } from "../federation/pair.ts";
import { SteadyAgent } from "../federation/steady-agent.ts";
import { compare, entriesOf, exportOf } from "./audited.ts";

const TIMEOUT = gateOrSoak(150_000, 3_600_000);
const MESSAGES = gateOrSoak(150, 5000);

let folder: string;
let nodes: { readonly a: NodeProcess; readonly b: NodeProcess };
let alice: SteadyAgent;
let bob: SteadyAgent;

const reached = ({ port }: NodeProcess): { readonly httpUrl: string } => ({ httpUrl: `http://127.0.0.1:${port}` });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "layr8-audit-"));
  const ports = { a: await freePort(), b: await freePort() };
  const create = (name: "a" | "b", other: "a" | "b"): NodeProcess => {
    const peer = `${other}.localhost=http://127.0.0.1:${ports[other]}`;
    return new NodeProcess(ports[name], ["--audit", "--domain", `${name}.localhost`, "--data-dir", join(folder, name), "--peer", peer]);
  };
  nodes = { a: create("a", "b"), b: create("b", "a") };
  await Promise.all([nodes.a.start(), nodes.b.start()]);
  [alice, bob] = [new SteadyAgent(nodes.a, ALICE), new SteadyAgent(nodes.b, BOB)];
}, 60_000);
afterEach(async () => {
  await Promise.all([alice.stop(), bob.stop()]);
  await Promise.all([nodes.a.kill(), nodes.b.kill()]);
  await rm(folder, { recursive: true, force: true });
});

/** Kills a node at random times, at least twice, until the signal fires. */
async function killAtRandomTimes(stop: AbortSignal): Promise<void> {
  for (let times = 0; times < 2 || !stop.aborted; times++) {
    // A random pause, so that the kill hits any state. No assertion depends on it.
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 500));
    const node = Math.random() < 0.5 ? nodes.a : nodes.b;
    await node.kill();
    await node.start();
  }
}

it("chains of nodes that are killed have each acknowledged message, verify, and agree", { timeout: TIMEOUT }, async () => {
  const peace = new AbortController();
  const chaos = killAtRandomTimes(peace.signal);
  const ids = Array.from({ length: MESSAGES }, (_, index) => `m${index}`);
  for (const id of ids) await alice.send({ id, type: `${ECHO}/note`, from: ALICE, to: [BOB], body: { text: "x".repeat(200) } });
  peace.abort();
  await chaos;
  await expect.poll(() => new Set(bob.got.map(({ id }) => id)).size, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
  const idsOf = async (node: NodeProcess, did: string, kind: string): Promise<Set<string | undefined>> =>
    new Set((await entriesOf(reached(node), did)).filter((entry) => entry.kind === kind).map(({ id }) => id));
  await expect.poll(async () => (await idsOf(nodes.a, ALICE, "delivered")).size, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
  await expect.poll(async () => (await idsOf(nodes.b, BOB, "handled")).size, { timeout: TIMEOUT / 2 }).toBe(MESSAGES);
  expect([...(await idsOf(nodes.a, ALICE, "accepted"))]).toEqual(ids);
  expect([...(await idsOf(nodes.b, BOB, "accepted"))]).toEqual(ids);
  // The end of all, after each of both was on disk.
  await Promise.all([nodes.a.kill(), nodes.b.kill()]);
  await Promise.all([nodes.a.start(), nodes.b.start()]);
  const report = await compare(await exportOf(reached(nodes.a), ALICE), await exportOf(reached(nodes.b), BOB));
  expect(report).toMatchObject({ ok: true, findings: [], matched: MESSAGES, undecided: 0 });
});
