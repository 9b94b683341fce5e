import { portableSuite } from "./cipher-suites.ts";
import { encode } from "../src/codec/writer.ts";
import { describe, expect, test } from "vitest";
import { cipherSuites } from "../src/crypto/suites.ts";
import { createCipherSuite } from "../src/index.ts";
import { agreement, commit, joined, newEngine, utf8 } from "./world.ts";

describe.each(cipherSuites)("%s", (suite) => {
  test("members on node:crypto and on JavaScript exchange messages and update their keys", async () => {
    const alice = await newEngine("alice", { cipherSuite: createCipherSuite(suite) });
    const bob = await newEngine("bob", { cipherSuite: portableSuite(suite) });
    const group = await alice.createGroup(utf8("g"));
    const staged = await group.stageAdd([await bob.keyPackage()]);
    await staged.confirm();
    const bobs = await joined(bob, staged);
    expect(await bobs.process(await group.encrypt(utf8("x")))).toMatchObject({ kind: "application", data: utf8("x") });
    await commit(await bobs.stageUpdate(), [{ name: "alice", engine: alice, group }]);
    expect(await group.process(await bobs.encrypt(utf8("y")))).toMatchObject({ kind: "application", data: utf8("y") });
    expect(await agreement(group)).toBe(await agreement(bobs));
  });
});

test("writes long lists without recursion", () => {
  const bytes = encode((w) =>
    w.list(
      Array.from({ length: 100_000 }, () => new Uint8Array(70)),
      (inner, item) => inner.vector(item),
    ),
  );
  expect(bytes).toHaveLength(4 + 100_000 * 72);
});
