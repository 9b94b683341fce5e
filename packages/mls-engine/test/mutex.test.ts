import { expect, test } from "vitest";
import { Mutex } from "@parley/core/internal";
import { fromUtf8, groupOf, utf8 } from "./world.ts";

test("a mutex runs one task at a time, in order, also after failures", async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const task = (name: string) => async (): Promise<string> => {
    log.push(`${name} begins`);
    await Promise.resolve();
    log.push(`${name} ends`);
    if (name === "b") throw new RangeError(name);
    return name;
  };
  const results = await Promise.allSettled(["a", "b", "c"].map((name) => mutex.run(task(name))));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  expect(await mutex.run(task("d"))).toBe("d");
});

test("a group runs concurrent calls in their order", async () => {
  const [alice, bob] = await groupOf(2);
  if (!bob) throw new TypeError("The group has two members");
  const sent = await Promise.all(Array.from({ length: 100 }, (_, i) => alice.group.encrypt(utf8(String(i)))));
  const update = alice.group.stageUpdate();
  const after = Promise.all([update, alice.group.encrypt(utf8("100"))]);
  const [staged, last] = await after;
  const results = await Promise.all([...sent, last, staged.commit].map((message) => bob.group.process(message)));
  const texts = results.flatMap((result) => (result.kind === "application" ? [[fromUtf8(result.data), result.generation]] : []));
  expect(texts).toEqual(Array.from({ length: 101 }, (_, i) => [String(i), i]));
  expect(bob.group.epoch).toBe(2n);
});
