import { join } from "node:path";
import { freePort, gateOrSoak, SEED, temporaryDirectory, type TemporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NodeProcess } from "../federation/node-process.ts";
import { ALICE, BOB } from "../federation/pair.ts";
import { SteadyAgent } from "../federation/steady-agent.ts";
import { killNodes, loadDuring } from "../federation/steady-load.ts";
import { compare, entriesOf, exportOf } from "./audited.ts";

const TIMEOUT = gateOrSoak(150_000, 3_600_000);
const KILLS = gateOrSoak(4, 100);

let directory: TemporaryDirectory;
let nodes: { readonly a: NodeProcess; readonly b: NodeProcess };
let alice: SteadyAgent;
let bob: SteadyAgent;

const reached = ({ port }: NodeProcess): { readonly httpUrl: string } => ({ httpUrl: `http://127.0.0.1:${port}` });

beforeEach(async () => {
  directory = await temporaryDirectory();
  const ports = { a: await freePort(), b: await freePort() };
  const create = (name: "a" | "b", other: "a" | "b"): NodeProcess => {
    const peer = `${other}.localhost=http://127.0.0.1:${ports[other]}`;
    return new NodeProcess(ports[name], [
      "--audit",
      "--domain",
      `${name}.localhost`,
      "--data-dir",
      join(directory.path, name),
      "--peer",
      peer,
    ]);
  };
  nodes = { a: create("a", "b"), b: create("b", "a") };
  await Promise.all([nodes.a.start(), nodes.b.start()]);
  [alice, bob] = [new SteadyAgent(nodes.a, ALICE), new SteadyAgent(nodes.b, BOB)];
}, 60_000);
afterEach(async () => {
  await Promise.all([alice.stop(), bob.stop()]);
  await Promise.all([nodes.a.kill(), nodes.b.kill()]);
  await directory.remove();
});

it(`chains of nodes that are killed have each acknowledged message, verify, and agree (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const [ids = []] = await loadDuring([[alice, bob]], (progress) => killNodes([nodes.a, nodes.b], KILLS, progress));
  const count = ids.length;
  await expect.poll(() => new Set(bob.got.map(({ id }) => id)).size, { timeout: TIMEOUT / 2 }).toBe(count);
  const idsOf = async (node: NodeProcess, did: string, kind: string): Promise<Set<string | undefined>> =>
    new Set((await entriesOf(reached(node), did)).filter((entry) => entry.kind === kind).map(({ id }) => id));
  await expect.poll(async () => (await idsOf(nodes.a, ALICE, "delivered")).size, { timeout: TIMEOUT / 2 }).toBe(count);
  await expect.poll(async () => (await idsOf(nodes.b, BOB, "handled")).size, { timeout: TIMEOUT / 2 }).toBe(count);
  expect([...(await idsOf(nodes.a, ALICE, "accepted"))]).toEqual(ids);
  expect([...(await idsOf(nodes.b, BOB, "accepted"))]).toEqual(ids);
  // The end of all, after each of both was on disk.
  await Promise.all([nodes.a.kill(), nodes.b.kill()]);
  await Promise.all([nodes.a.start(), nodes.b.start()]);
  const report = await compare(await exportOf(reached(nodes.a), ALICE), await exportOf(reached(nodes.b), BOB));
  expect(report).toMatchObject({ ok: true, findings: [], matched: count, undecided: 0 });
});
