import { expect, test, vi } from "vitest";
import { createPause } from "../../src/epoch/pause.ts";
import { RatchetTree } from "../../src/tree/ratchet-tree.ts";
import { treeHash } from "../../src/tree/tree-hash.ts";
import { newClient } from "./clients.ts";

test("a long computation yields to other work, and a short one does not", async () => {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const pause = createPause();
  now += 5;
  expect(pause()).toBeUndefined();
  now += 5;
  let turns = 0;
  setImmediate(() => turns++);
  await pause();
  expect(turns).toBe(1);
  expect(pause()).toBeUndefined();
  clock.mockRestore();
});

test("hashing a large tree pauses after every 64 leaves", async () => {
  const { env, own } = await newClient("0");
  const nodes = Array.from({ length: 511 }, (_, i) => (i % 2 === 0 ? ({ kind: "leaf", ...own.keyPackage.leaf } as const) : undefined));
  const tree = RatchetTree.of(nodes, 256);
  let asked = 0;
  await treeHash(env.suite, tree, () => void asked++);
  expect(asked).toBe(4);
});
