import { describe, expect, it } from "vitest";
import { createMlsEngine, inspectMessage, memoryStore, unsafeAcceptAnyCredential, type MlsEngineOptions } from "../src/index.ts";
import { codeOf, commit, GROUP_ID, groupOf, joined, newEngine } from "./world.ts";

const PUBLIC = { handshakes: "public" } as const;

describe("commits and proposals as PublicMessage", () => {
  it("have that wire format, and are accepted by members that send PrivateMessage", async () => {
    const engine = await newEngine("open", PUBLIC);
    const group = await engine.createGroup(GROUP_ID);
    const closed = await newEngine("closed");
    const added = await group.stageAdd([await closed.keyPackage()]);
    await added.confirm();
    const other = await joined(closed, added);
    for (const [from, to, kind] of [
      [group, other, "public"],
      [other, group, "private"],
      [group, other, "public"],
    ] as const) {
      const staged = await from.stageUpdate();
      expect(inspectMessage(staged.commit)).toMatchObject({ kind, contentType: "commit", epoch: from.epoch });
      await staged.confirm();
      await to.process(staged.commit);
      expect(to.epochAuthenticator).toEqual(from.epochAuthenticator);
    }
    const leave = await group.leave();
    expect(inspectMessage(leave)).toMatchObject({ kind: "public", contentType: "proposal" });
    expect(await other.process(leave)).toMatchObject({ kind: "proposal", proposal: { kind: "remove" } });
    const staged = await other.stage({});
    await staged.confirm();
    expect(await group.process(staged.commit)).toMatchObject({ kind: "commit", isRemoved: true });
  });

  it("are rejected if a byte was changed, and leave the group unchanged", { timeout: 120_000 }, async () => {
    const [first, second] = await groupOf(2, PUBLIC);
    const staged = await first.group.stageUpdate();
    await staged.confirm();
    for (let at = 0; at < staged.commit.length; at += 1) {
      const changed = staged.commit.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await codeOf(second?.group.process(changed) ?? Promise.resolve())).not.toBe("resolved");
    }
    await second?.group.process(staged.commit);
    expect(second?.group.epochAuthenticator).toEqual(first.group.epochAuthenticator);
  });

  it("of the own member are recognised after they were processed or discarded", async () => {
    const [first, second] = await groupOf(2, PUBLIC);
    const staged = await first.group.stageUpdate();
    await commit(staged, second ? [second] : []);
    expect(await codeOf(first.group.process(staged.commit))).toBe("generation_consumed");
    expect(await codeOf(second?.group.process(staged.commit) ?? Promise.resolve())).toBe("generation_consumed");
    const discarded = await first.group.stageUpdate();
    await discarded.discard();
    expect(await codeOf(first.group.process(discarded.commit))).toBe("fork");
  });

  it("reject unknown values of the option", async () => {
    const options = { identity: "a", store: memoryStore(), authenticate: unsafeAcceptAnyCredential, handshakes: "open" };
    await expect(createMlsEngine(options as unknown as MlsEngineOptions)).rejects.toThrow('handshakes must be "private" or "public"');
  });
});
