import { expect, test } from "vitest";
import { createPause } from "../../src/epoch/pause.ts";
import { treeHash } from "../../src/tree/tree-hash.ts";
import { groupOfClients } from "./clients.ts";

test("other work has its turn when a computation takes long, and not before", async () => {
  let now = 0;
  const pause = createPause(() => now);
  now += 5;
  expect(pause()).toBeUndefined();
  now += 5;
  let turns = 0;
  setImmediate(() => turns++);
  await pause();
  expect(turns).toBe(1);
  expect(pause()).toBeUndefined();
});

test("the work of large trees asks for pauses at every step", async () => {
  const [alice] = await groupOfClients(9);
  let asked = 0;
  const copy = alice.state.tree.copy();
  copy.update(0, alice.own.keyPackage.leaf);
  await treeHash(alice.env.suite, copy, () => void asked++);
  expect(asked).toBeGreaterThanOrEqual(4);
});
