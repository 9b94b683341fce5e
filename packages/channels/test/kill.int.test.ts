import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AgentProcess } from "./support/agent-process.ts";
import { Harness } from "./support/harness.ts";

const ROUNDS = gateOrSoak(3, 50);
/** Longest time that an agent stands still, in milliseconds. */
const MAX_PAUSE_MS = gateOrSoak(300, 3000);
/** Messages before a fault, at most: each fault hits another state. */
const STEP = 40;
/** Messages that one flush of the disk may bring again after a crash. */
const MAX_REPEATED = 64;

let harness: Harness;
let agents: AgentProcess[];

beforeEach(async () => {
  harness = await Harness.start();
  agents = ["alice", "bob", "carol"].map(
    (identity) =>
      new AgentProcess([harness.server.relayUrl, harness.server.apiUrl, harness.apiKey, join(harness.directory, identity), identity]),
  );
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.kill()));
  await harness[Symbol.asyncDispose]();
});

it(
  `loses no message that was acknowledged, and reads none twice that was taken, with agents killed and stopped and the server restarted in ${ROUNDS} rounds (PARLEY_SEED=${SEED})`,
  { timeout: 120_000 + ROUNDS * 5000 },
  async () => {
    const random = randomFrom(SEED);
    const sentCount = (): number => agents.reduce((sum, { sent }) => sum + sent.length, 0);
    const [alice, ...others] = agents;
    for (const agent of agents) agent.start();
    const keyPackages = await Promise.all(others.map(async (agent) => (await agent.tell("keyPackage"))["keyPackage"]));
    const welcome = await alice?.tell("create", { keyPackages });
    for (const agent of others) await agent.tell("join", welcome);
    for (const agent of agents) await agent.tell("talk");
    for (let round = 0; round < ROUNDS; round++) {
      const victim = agents[random(agents.length)];
      const goal = sentCount() + 1 + random(STEP);
      await expect.poll(sentCount, { interval: 5 }).toBeGreaterThanOrEqual(goal);
      if (round % 5 === 4) await harness.restart();
      if (random(3) === 0) {
        victim?.pause();
        await delay(random(MAX_PAUSE_MS));
        victim?.resume();
        continue;
      }
      await victim?.kill();
      victim?.start();
      await victim?.tell("open");
      await victim?.tell("talk");
    }
    await expect.poll(() => agents.every(({ sent }) => sent.length > ROUNDS)).toBe(true);
    await Promise.all(agents.map((agent) => agent.tell("finish")));
    const isDone = (agent: AgentProcess): boolean => agent.got.filter(({ text }) => text.startsWith("done/")).length === agents.length - 1;
    await expect.poll(() => agents.every(isDone)).toBe(true);

    const all = new Map(agents.flatMap(({ sent }) => sent.map(({ sequence, text }) => [sequence, text] as const)));
    for (const agent of agents) {
      expect(agent.errors).toEqual([]);
      const texts = new Set(agent.got.map(({ text }) => text));
      const expected = agents.flatMap((other) => (other === agent ? [] : other.sent.map(({ text }) => text)));
      expect(expected.filter((text) => !texts.has(text))).toEqual([]);
      let last = { sequence: 0, life: 0 };
      let repeated = 0;
      const outOfOrder: string[] = [];
      for (const { sequence, text, life } of agent.got) {
        // In one life each comes once, in order; in the next one, at most what had just been taken comes again.
        if (life === last.life && sequence <= last.sequence) outOfOrder.push(text);
        else if (sequence <= last.sequence) repeated += last.sequence - sequence + 1;
        expect(all.get(sequence) ?? text).toBe(text);
        last = { sequence, life };
      }
      expect(outOfOrder).toEqual([]);
      expect(repeated).toBeLessThanOrEqual(MAX_REPEATED * ROUNDS);
    }
    const states = await Promise.all(agents.map((agent) => agent.tell("state")));
    expect(new Set(states.map(({ members }) => members))).toEqual(new Set([agents.length]));
    await expect
      .poll(async () => new Set((await Promise.all(agents.map((agent) => agent.tell("state")))).map(({ epoch }) => epoch)).size)
      .toBe(1);
    await Promise.all(agents.map((agent) => agent.tell("close")));
  },
);
