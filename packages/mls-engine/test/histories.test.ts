import { gateOrSoak, randomFrom } from "@parley/test-assertions";
import { describe, expect, test } from "vitest";
import { agreement, commit, groupOf, joined, newEngine, type Member } from "./world.ts";

/** How often each history is played. */
const REPLACEMENTS = gateOrSoak(1, 90);
const ANY_STEPS = gateOrSoak(3, 180);

describe("joins after ordinary histories (RFC 9420 §7.9.2, §12.4.3.1)", () => {
  test("every Welcome is accepted after removals and additions in a group of twenty", { timeout: 120_000 }, async () => {
    for (let round = 0; round < REPLACEMENTS; round++) {
      const random = randomFrom(round);
      let members: Member[] = await groupOf(20);
      for (let step = 0; step < 10; step++) members = await replaceTwo(members, random, `${round}.${step}`);
      const views = new Set(await Promise.all(members.map(({ group }) => agreement(group))));
      expect(views.size).toBe(1);
    }
  });

  test("every Welcome is accepted after random additions, removals and updates", { timeout: 120_000 }, async () => {
    for (let round = 0; round < ANY_STEPS; round++) {
      const random = randomFrom(1000 + round);
      let members: Member[] = await groupOf(1 + random(6));
      for (let step = 0; step < 25; step++) members = await anyStep(members, random, `${round}.${step}`);
      const views = new Set(await Promise.all(members.map(({ group }) => agreement(group))));
      expect(views.size).toBe(1);
    }
  });
});

async function replaceTwo(members: readonly Member[], random: (below: number) => number, name: string): Promise<Member[]> {
  const [committer, ...others] = shuffled(members, random);
  if (!committer) throw new TypeError("The group has no members");
  const gone = others.slice(0, 2);
  const stay = others.slice(2);
  return change(committer, stay, gone, 2, random(2) === 0, name);
}

async function anyStep(members: readonly Member[], random: (below: number) => number, name: string): Promise<Member[]> {
  const [committer, ...others] = shuffled(members, random);
  if (!committer) throw new TypeError("The group has no members");
  const gone = others.slice(0, random(Math.min(4, others.length + 1)));
  const adds = random(4);
  return change(committer, others.slice(gone.length), gone, members.length > 24 ? 0 : adds, random(3) === 0, name);
}

async function change(
  committer: Member,
  stay: readonly Member[],
  gone: readonly Member[],
  adds: number,
  update: boolean,
  name: string,
): Promise<Member[]> {
  const engines = await Promise.all(Array.from({ length: adds }, (_, i) => newEngine(`${name}.${i}`)));
  const staged = await committer.group.stage({
    add: await Promise.all(engines.map((engine) => engine.keyPackage())),
    remove: gone.map(({ group }) => group.ownLeaf),
    update,
  });
  await commit(staged, stay);
  for (const { group } of gone) expect(await group.process(staged.commit)).toMatchObject({ isRemoved: true });
  const added = await Promise.all(
    engines.map(async (engine, i) => ({ name: `${name}.${i}`, engine, group: await joined(engine, staged) })),
  );
  return [committer, ...stay, ...added];
}

function shuffled<T>(items: readonly T[], random: (below: number) => number): T[] {
  return items
    .map((item) => ({ item, at: random(1_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
