import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, test } from "vitest";
import { inspectMessage } from "../src/index.ts";
import { mutated } from "./mutated.ts";
import { agreement, codeOf, groupOf, newEngine, utf8 } from "./world.ts";

describe("modified messages", () => {
  test.each(["application", "proposal", "commit"] as const)(
    "of the kind %s are rejected and change nothing, and the original is accepted afterwards",
    async (kind) => {
      const [alice, bob, carol] = await groupOf(3);
      if (!bob || !carol) throw new TypeError("The group has three members");
      const make = {
        application: () => alice.group.encrypt(utf8("hello"), { aad: utf8("topic") }),
        proposal: () => alice.group.leave(),
        commit: async () => (await alice.group.stage({ remove: [2] })).commit,
      };
      const message = await make[kind]();
      const before = await agreement(bob.group);
      await fc.assert(
        fc.asyncProperty(mutated(message), async (changed) => {
          expect(await codeOf(bob.group.process(changed))).not.toBe("resolved");
          expect(bob.group.proposals).toHaveLength(0);
        }),
        { numRuns: gateOrSoak(100, 3000) },
      );
      expect(await agreement(bob.group)).toBe(before);
      expect(await bob.group.process(message)).toMatchObject({ kind });
    },
  );

  test("of the kind Welcome are rejected, and the original is accepted afterwards", async () => {
    const [alice] = await groupOf(3);
    const engine = await newEngine("new");
    const staged = await alice.group.stage({ add: [await engine.keyPackage()], update: true });
    await staged.confirm();
    const welcome = staged.welcome ?? new Uint8Array();
    await fc.assert(
      fc.asyncProperty(mutated(welcome), async (changed) => {
        expect(await codeOf(engine.joinGroup(changed))).not.toBe("resolved");
      }),
      { numRuns: gateOrSoak(100, 2000) },
    );
    expect(await agreement(await engine.joinGroup(welcome))).toBe(await agreement(alice.group));
  });

  test("of the kind key package are rejected, and the original is accepted afterwards", async () => {
    const [alice] = await groupOf(1);
    const keyPackage = await (await newEngine("new")).keyPackage();
    await fc.assert(
      fc.asyncProperty(mutated(keyPackage), async (changed) => {
        expect(await codeOf(alice.group.stageAdd([changed]))).toBe("invalid_key_package");
      }),
      { numRuns: gateOrSoak(100, 2000) },
    );
    await (await alice.group.stageAdd([keyPackage])).confirm();
    expect(alice.group.members).toHaveLength(2);
  });

  test("of random bytes are rejected", async () => {
    const [alice] = await groupOf(2);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
        const bytes = new Uint8Array([0, 1, 0, noise[0] ?? 0, ...noise]);
        expect(await codeOf(alice.group.process(bytes))).not.toBe("resolved");
        expect(await codeOf(alice.engine.joinGroup(bytes))).not.toBe("resolved");
        expect(await codeOf((async () => inspectMessage(bytes))())).toBeTypeOf("string");
      }),
    );
  });

  test("that are too large are rejected before they are read", async () => {
    const [alice, bob] = await groupOf(2, { limits: { maxMessageBytes: 2000 } });
    if (!bob) throw new TypeError("The group has two members");
    for (const size of [1900, 3000]) expect(await codeOf(alice.group.encrypt(new Uint8Array(size)))).toBe("too_large");
    expect(await codeOf(bob.group.process(new Uint8Array(3000)))).toBe("too_large");
    expect(await codeOf(bob.group.process(await alice.group.encrypt(new Uint8Array(500))))).toBe("resolved");
    expect(await codeOf(bob.engine.joinGroup(new Uint8Array(3000)))).toBe("too_large");
    expect(() => inspectMessage(new Uint8Array(3000), 2000)).toThrow(expect.objectContaining({ code: "too_large" }));
  });
});
