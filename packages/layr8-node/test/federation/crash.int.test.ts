import { join } from "node:path";
import { freePort, gateOrSoak, randomFrom, SEED, temporaryDirectory, type TemporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CuttingProxy } from "./cutting-proxy.ts";
import { NodeProcess } from "./node-process.ts";
import { ALICE, BOB } from "./pair.ts";
import { SteadyAgent } from "./steady-agent.ts";
import { killNodes, loadDuring, STEP, type LoadProgress } from "./steady-load.ts";

const TIMEOUT = gateOrSoak(150_000, 3_600_000);
const [CUTS, KILLS] = [gateOrSoak(8, 200), gateOrSoak(4, 100)];

let directory: TemporaryDirectory;
let nodes: { readonly a: NodeProcess; readonly b: NodeProcess };
let links: { readonly toA: CuttingProxy; readonly toB: CuttingProxy };
let alice: SteadyAgent;
let bob: SteadyAgent;

beforeEach(async () => {
  directory = await temporaryDirectory();
  const [portA, portB] = [await freePort(), await freePort()];
  links = { toA: await CuttingProxy.listen(portA), toB: await CuttingProxy.listen(portB) };
  const start = (name: string, port: number, other: string, link: CuttingProxy) =>
    new NodeProcess(port, [
      "--domain",
      `${name}.localhost`,
      "--data-dir",
      join(directory.path, name),
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
  await directory.remove();
});

async function cutLinks({ after }: LoadProgress): Promise<void> {
  const random = randomFrom(SEED + 1);
  for (let cuts = 0; cuts < CUTS; cuts++) {
    await after(1 + random(STEP));
    const link = random(2) === 0 ? links.toA : links.toB;
    link.cut();
    // The nodes accept messages all the time.
    await after(1 + random(STEP));
    link.mend();
  }
}

/** Loads both directions. Resolves when the ids of all acknowledged messages were delivered, to these in order. */
async function deliveredDuring(
  faults: (progress: LoadProgress) => Promise<unknown>,
): Promise<{ readonly toBob: readonly string[]; readonly toAlice: readonly string[] }> {
  const routes = [[alice, bob] as const, [bob, alice] as const];
  const [toBob = [], toAlice = []] = await loadDuring(routes, faults);
  await expect.poll(() => firstOf(bob).length, { timeout: TIMEOUT / 2 }).toBe(toBob.length);
  await expect.poll(() => firstOf(alice).length, { timeout: TIMEOUT / 2 }).toBe(toAlice.length);
  return { toBob, toAlice };
}

/** Ids that were delivered twice although their node was not killed: its memory of stored messages is wrong. */
function doubled({ got }: SteadyAgent): string[] {
  const seen = new Set<string>();
  return got.map(({ id, connection }) => `${connection}: ${id}`).filter((delivery) => seen.size === seen.add(delivery).size);
}

const firstOf = ({ got }: SteadyAgent): string[] => [...new Set(got.map(({ id }) => id))];

describe(`two nodes under load in both directions lose no acknowledged message and keep the order (seed ${SEED})`, () => {
  it("while the links between them are cut, and deliver no message twice", { timeout: TIMEOUT }, async () => {
    const { toBob, toAlice } = await deliveredDuring(cutLinks);
    expect(bob.got.map(({ id }) => id)).toEqual(toBob);
    expect(alice.got.map(({ id }) => id)).toEqual(toAlice);
  });

  it("while the nodes are killed and the links are cut", { timeout: TIMEOUT }, async () => {
    const { toBob, toAlice } = await deliveredDuring((progress) =>
      Promise.all([cutLinks(progress), killNodes([nodes.a, nodes.b], KILLS, progress)]),
    );
    expect(firstOf(bob)).toEqual(toBob);
    expect(firstOf(alice)).toEqual(toAlice);
    expect([...doubled(alice), ...doubled(bob)]).toEqual([]);
  });
});
