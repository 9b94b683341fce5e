import { MemoryEnvironment, numbersKey } from "@parley/storage";
import { expect, it } from "vitest";
import type { EvictedRun, NewEntry } from "../../src/log/channel-log.ts";
import { LmdbLog } from "../../src/log/lmdb-log.ts";
import { encodeSegment } from "../../src/log/segment.ts";

const CHANNEL = "a/b/c";

const entry = (text: string): NewEntry => ({ body: Buffer.from(text), key: text });
const shown = (one: Uint8Array | EvictedRun): string | number => (one instanceof Uint8Array ? Buffer.from(one).toString() : one.evicted);

/** Segments as older versions wrote them: without publishers at first, then with those of all entries, and never with a kind. */
async function olderEnvironment(): Promise<MemoryEnvironment> {
  const environment = new MemoryEnvironment();
  const { writes } = environment;
  const segments = [
    { texts: ["old 1", "old 2"], publishers: [] },
    { texts: ["old 3", "old 4", "old 5"], publishers: [1, 10, 2, 5] },
  ];
  let last = 0;
  for (const { texts, publishers } of segments) {
    const bodies = texts.map((text) => Buffer.from(text));
    const bytes = 5 * texts.length;
    last += texts.length;
    const key = numbersKey(1, last, texts.length, bytes, 1000, ...publishers);
    writes.put(environment.table("log-segments"), key, encodeSegment({ bodies, bytes }));
  }
  writes.put(environment.table("log-channels"), Buffer.from(CHANNEL), numbersKey(1, 1, 6, 25));
  writes.put(environment.table("log-publishers"), numbersKey(1), Buffer.concat([numbersKey(10), Buffer.from("alice")]));
  writes.put(environment.table("log-publishers"), numbersKey(2), Buffer.concat([numbersKey(5), Buffer.from("bob")]));
  writes.put(environment.table("log-meta"), Buffer.from("next-id"), numbersKey(2));
  await writes.flush();
  return environment;
}

it("a log of an older version is read, drops its old part from the front while it is full, and then evicts by account", async () => {
  const environment = await olderEnvironment();
  const options = { retention: { maxEntries: 8 }, now: () => 1000 };
  const log = LmdbLog.open(environment, options);
  const all = async (from: number): Promise<(string | number)[]> =>
    (await log.read(CHANNEL, { from, limit: 100, maxBytes: 1000 })).entries.map(shown);
  expect(await all(1)).toEqual(["old 1", "old 2", "old 3", "old 4", "old 5"]);
  expect([log.storedBytes("alice"), log.storedBytes("bob"), log.totalStoredBytes]).toEqual([10, 5, 15]);
  for (const text of ["q1", "q2"]) await log.append(CHANNEL, "alice", [entry(text)]);
  for (const text of ["m1", "m2"]) await log.append(CHANNEL, "mallory", [entry(text)]);
  expect(await log.head(CHANNEL)).toEqual({ first: 3, next: 10 });
  expect(log.storedBytes("alice")).toBe(14);
  for (const text of ["m3", "m4"]) await log.append(CHANNEL, "mallory", [entry(text)]);
  expect(await log.head(CHANNEL)).toEqual({ first: 6, next: 12 });
  expect([log.storedBytes("alice"), log.storedBytes("bob")]).toEqual([4, 0]);
  for (const text of ["m5", "m6", "m7", "m8", "m9"]) await log.append(CHANNEL, "mallory", [entry(text)]);
  expect(await all(6)).toEqual(["q1", "q2", 3, "m4", "m5", "m6", "m7", "m8", "m9"]);
  const again = LmdbLog.open(environment, options);
  expect((await again.read(CHANNEL, { from: 6, limit: 3, maxBytes: 1000 })).entries.map(shown)).toEqual(["q1", "q2", 3]);
});

it("an account whose count of a log was damaged loses its entries with the front of the log", async () => {
  const environment = new MemoryEnvironment();
  const options = { retention: { maxEntries: 10 } };
  const log = LmdbLog.open(environment, options);
  for (const text of ["q1", "q2"]) await log.append(CHANNEL, "alice", [entry(text)]);
  for (let index = 0; index < 8; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
  await log.close();
  for (const key of environment.table("log-shares").getKeys({})) environment.writes.remove(environment.table("log-shares"), key);
  await environment.writes.flush();
  const again = LmdbLog.open(environment, options);
  for (let index = 8; index < 30; index++) await again.append(CHANNEL, "mallory", [entry(`m${index}`)]);
  expect((await again.head(CHANNEL)).next).toBe(33);
  const { first } = await again.head(CHANNEL);
  const page = await again.read(CHANNEL, { from: first, limit: 100, maxBytes: 1000 });
  expect(page.entries.map(shown)).toEqual(Array.from({ length: 10 }, (_, index) => `m${index + 20}`));
});
