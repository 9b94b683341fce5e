import { describe, expect, test } from "vitest";
import { agreement, codeOf, commit, groupOf, joined, newEngine, utf8 } from "./world.ts";

describe("faults that implementations of MLS had", () => {
  test("a removed member cannot decrypt later messages", async () => {
    const [alice, bob, carol] = await groupOf(3);
    if (!bob || !carol) throw new TypeError("The group has three members");
    const removal = await alice.group.stageRemove([bob.group.ownLeaf]);
    await commit(removal, [carol]);
    const secret = await alice.group.encrypt(utf8("after the removal"));
    expect(await codeOf(bob.group.process(secret))).toBe("epoch_mismatch");
    expect(await bob.group.process(removal.commit)).toMatchObject({ kind: "commit", isRemoved: true });
    expect(await codeOf(bob.group.process(secret))).toBe("removed");
    expect(await codeOf(bob.group.encrypt(utf8("let me in")))).toBe("removed");
    expect(bob.group.isActive).toBe(false);
    expect(await carol.group.process(secret)).toMatchObject({ kind: "application" });
  });

  test("a new member cannot decrypt earlier messages", async () => {
    const [alice] = await groupOf(2);
    const past = await alice.group.encrypt(utf8("before the arrival"));
    const carol = await newEngine("carol");
    const addition = await alice.group.stageAdd([await carol.keyPackage()]);
    await addition.confirm();
    const group = await joined(carol, addition);
    expect(await codeOf(group.process(past))).toBe("epoch_mismatch");
  });

  test("new members join after two removals and two additions in a tree of twenty", async () => {
    const members = await groupOf(20);
    for (const member of members.slice(1, 8))
      await commit(
        await member.group.stageUpdate(),
        members.filter((m) => m !== member),
      );
    const [alice, ...others] = members;
    const engines = await Promise.all([newEngine("x"), newEngine("y")]);
    const gone = others.slice(3, 5);
    const stay = others.filter((m) => !gone.includes(m));
    const staged = await alice.group.stage({
      remove: gone.map(({ group }) => group.ownLeaf),
      add: await Promise.all(engines.map((engine) => engine.keyPackage())),
    });
    await commit(staged, stay);
    const views = await Promise.all(engines.map(async (engine) => agreement(await joined(engine, staged))));
    expect(new Set([...views, await agreement(alice.group)]).size).toBe(1);
  });

  test("unmerged leaves are sorted when a member is added at a lower leaf (RFC 9420 §7.1)", async () => {
    const members = await groupOf(8);
    for (const member of members)
      await commit(
        await member.group.stageUpdate(),
        members.filter((m) => m !== member),
      );
    const [alice, ...others] = members;
    const removal = await alice.group.stageRemove([2]);
    await commit(
      removal,
      others.filter(({ group }) => group.ownLeaf !== 2),
    );
    for (const name of ["later", "latest"]) {
      const engine = await newEngine(name);
      const staged = await alice.group.stageAdd([await engine.keyPackage()]);
      await staged.confirm();
      expect(await agreement(await joined(engine, staged))).toBe(await agreement(alice.group));
    }
  });
});
