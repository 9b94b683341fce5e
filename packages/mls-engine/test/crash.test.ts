import { gateOrSoak, randomFrom } from "@parley/test-assertions";
import { describe, expect, test } from "vitest";
import { StoreError } from "../src/index.ts";
import { CrashDisk } from "./crash-disk.ts";
import { Agent, Delivery } from "./delivery.ts";
import { agreement } from "./world.ts";

/** How often; more by request, to search longer. */
const ROUNDS = gateOrSoak(1, 30);

interface Node {
  readonly agent: Agent;
  readonly disk: CrashDisk;
}

function node(name: string, delivery: Delivery): Node {
  const disk = new CrashDisk();
  return { disk, agent: new Agent(name, delivery, () => disk.open()) };
}

/** Runs a step. If the disk fails, the process ends and restarts. */
async function survive({ agent, disk }: Node, random: (below: number) => number, step: () => Promise<unknown>): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    disk.crash(random);
    await agent.restart();
    return false;
  }
}

describe("after a crash at any write", () => {
  test("a member that joins, sends, receives, stages and confirms recovers, and all members agree", async () => {
    for (const isWritten of [false, true]) {
      for (let at = 0; ; at++) {
        const { writes, members } = await play(at, isWritten);
        expect(members).toBe(2);
        if (at > writes) break;
      }
    }
  });

  test("a commit is on disk once it was processed", async () => {
    const delivery = new Delivery();
    const alice = node("alice", delivery);
    const bob = node("bob", delivery);
    for (const { agent } of [alice, bob]) await agent.start();
    await alice.agent.found();
    await alice.agent.commit({ add: [await bob.agent.engine.keyPackage()] }, ["bob"]);
    await alice.agent.pull();
    await bob.agent.join();
    await alice.agent.commit({ update: true }, []);
    await bob.agent.pull();
    expect(bob.agent.group.epoch).toBe(2n);
    // All writes that are not durable are lost.
    bob.disk.crash(() => 0);
    await bob.agent.restart();
    expect(bob.agent.group.epoch).toBe(2n);
  });

  test("members recover from repeated crashes in random histories", { timeout: 300_000 }, async () => {
    for (let round = 0; round < 10 * ROUNDS; round++) expect(await wander(randomFrom(round))).toBeGreaterThan(0);
  });
});

/** One history in which bob's disk fails at one write; gives how many writes there were, and how many members agree in the end. */
async function play(at: number, isWritten: boolean): Promise<{ writes: number; members: number }> {
  const random = randomFrom(at);
  const delivery = new Delivery();
  const alice = node("alice", delivery);
  const bob = node("bob", delivery);
  const carol = node("carol", delivery);
  for (const { agent } of [alice, bob, carol]) await agent.start();
  await alice.agent.found();
  bob.disk.failAfter(at, isWritten);
  const steps: (() => Promise<unknown>)[] = [
    async () => {
      if (delivery.mailFor("bob")) return;
      await alice.agent.commit({ add: [await bob.agent.engine.keyPackage()] }, ["bob"]);
      await alice.agent.pull();
    },
    () => bob.agent.join(),
    () => bob.agent.send(),
    () => alice.agent.pull(),
    () => alice.agent.send(),
    () => bob.agent.pull(),
    async () => {
      if (delivery.mailFor("carol")) return;
      await bob.agent.commit({ add: [await carol.agent.engine.keyPackage()] }, ["carol"]);
    },
    () => bob.agent.pull(),
    () => alice.agent.pull(),
    () => carol.agent.join(),
    () => carol.agent.send(),
    () => bob.agent.pull(),
    () => alice.agent.commit({ update: true }, []),
    () => bob.agent.commit({ update: true }, []),
    () => bob.agent.pull(),
    () => bob.agent.send(),
    () => bob.agent.commit({ remove: [2] }, []),
    () => bob.agent.pull(),
    () => bob.agent.send(),
  ];
  for (const step of steps) while (!(await survive(bob, random, step)));
  const { writes } = bob.disk;
  bob.disk.failAfter(Number.POSITIVE_INFINITY, false);
  return { writes, members: await settle([alice, bob, carol]) };
}

async function wander(random: (below: number) => number): Promise<number> {
  const delivery = new Delivery();
  const nodes = ["0", "1", "2", "3", "4"].map((name) => node(name, delivery));
  const [founder] = nodes;
  if (!founder) throw new TypeError("There is a founder");
  for (const { agent } of nodes) await agent.start();
  await founder.agent.found();
  const crashing = (n: Node): Node => {
    if (random(4) === 0) n.disk.failAfter(random(5), random(2) === 0);
    return n;
  };
  for (let step = 0; step < 60; step++) {
    const current = crashing(nodes[random(nodes.length)] ?? founder);
    await survive(current, random, () => anyStep(current, nodes, delivery, random));
    if (random(20) === 0) {
      current.disk.crash(random);
      await current.agent.restart();
    }
  }
  for (const n of nodes) n.disk.failAfter(Number.POSITIVE_INFINITY, false);
  return settle(nodes);
}

async function anyStep({ agent }: Node, nodes: readonly Node[], delivery: Delivery, random: (below: number) => number): Promise<void> {
  if (!agent.isMember) {
    await agent.join();
    return;
  }
  const kind = random(10);
  if (kind < 4) await agent.send();
  else if (kind < 7) await agent.pull(1 + random(5));
  else {
    await agent.pull();
    if (!agent.isMember) return;
    const outside = nodes.filter((n) => !delivery.mailFor(n.agent.name) && n.agent.name !== "0");
    const invited = outside.slice(0, random(3));
    const add = await Promise.all(invited.map((n) => n.agent.engine.keyPackage()));
    await agent.commit(
      { add, update: random(2) === 0 },
      invited.map((n) => n.agent.name),
    );
  }
}

/**
 * Delivers all messages to all members, which must agree then. A key that was used for two messages would make a receiver reject the second, and
 * a message that was stored twice in different ways would differ.
 */
async function settle(nodes: readonly Node[]): Promise<number> {
  const members: Agent[] = [];
  for (const { agent } of nodes) {
    await agent.join();
    if (!agent.isMember) continue;
    await agent.pull();
    if (agent.isMember) members.push(agent);
  }
  expect(new Set(await Promise.all(members.map(({ group }) => agreement(group)))).size).toBe(1);
  for (const { group } of members) expect(group.pending).toBeUndefined();
  const texts = new Set(members.flatMap((member) => member.readTexts()));
  expect(new Set([...texts].map((text) => text.split(" ")[0])).size).toBe(texts.size);
  return members.length;
}
