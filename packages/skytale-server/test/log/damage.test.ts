import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import type { EvictedRun } from "../../src/log/channel-log.ts";
import { LmdbLog } from "../../src/log/lmdb-log.ts";
import { LmdbWelcomes } from "../../src/log/lmdb-welcomes.ts";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";
import { SCHEMA } from "../../src/open-stores.ts";

const [A, B] = ["a/b/c", "a/b/d"];
const ALL = { limit: 1000, maxBytes: 1_000_000 };
const DAY = 24 * 60 * 60_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

/** Flips a bit at each place where the file holds a text. */
async function damage(text: string | Buffer, offset = 0): Promise<void> {
  const path = join(directory.path, "skytale.mdb");
  const content = await readFile(path);
  let count = 0;
  for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1), count++) {
    content[at + offset] = (content[at + offset] ?? 0) ^ 1;
  }
  expect(count).toBeGreaterThan(0);
  await writeFile(path, content);
}

const textOf = (entry: Uint8Array | EvictedRun): string =>
  entry instanceof Uint8Array ? Buffer.from(entry).toString() : `${entry.evicted} evicted`;
const bodyOf = (channel: string, number: number): Buffer => Buffer.from(`entry ${number} of ${channel}, as it was published`);

describe("a log with damaged records", () => {
  beforeEach(async () => {
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const log = LmdbLog.open(environment);
    for (let number = 1; number <= 5; number++) {
      for (const channel of [A, B]) await log.append(channel, "alice", [{ body: bodyOf(channel, number), key: `key-${number}` }]);
    }
    await log.close();
  });

  async function read(log: LmdbLog, channel: string, from: number): Promise<{ bodies: string[]; first: number }> {
    const page = await log.read(channel, { from, ...ALL });
    return { bodies: page.entries.map(textOf), first: page.head.first };
  }
  const texts = (channel: string, ...numbers: number[]): string[] => numbers.map((number) => bodyOf(channel, number).toString());

  it("returns all other entries unaltered, and the next sequence after a damaged entry, as after a removed one", async () => {
    await damage(bodyOf(A, 3));
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const log = LmdbLog.open(environment);
    expect(await read(log, A, 1)).toEqual({ bodies: texts(A, 1, 2), first: 1 });
    expect(await read(log, A, 3)).toEqual({ bodies: [], first: 4 });
    expect(await read(log, A, 4)).toEqual({ bodies: texts(A, 4, 5), first: 1 });
    expect(await read(log, B, 1)).toEqual({ bodies: texts(B, 1, 2, 3, 4, 5), first: 1 });
    const [appended] = await log.append(A, "alice", [{ body: Buffer.from("next"), key: "next" }]);
    expect(appended).toMatchObject({ status: "appended", sequence: 6 });
    await log.close();
  });

  it("continues with the next sequence if the last entry is damaged", async () => {
    await damage(bodyOf(A, 5));
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const log = LmdbLog.open(environment);
    expect(await read(log, A, 5)).toEqual({ bodies: [], first: 6 });
    expect((await log.append(A, "alice", [{ body: Buffer.from("next"), key: "next" }]))[0]).toMatchObject({ sequence: 6 });
    expect(await read(log, A, 6)).toMatchObject({ bodies: ["next"] });
    await log.close();
  });

  it.each([
    ["name", 0],
    ["record", Buffer.byteLength(A) + 10],
  ])("fails for a channel whose %s is damaged, never gives its sequences twice, and serves and expires the others", async (_, offset) => {
    await damage(Buffer.concat([Buffer.from(A), Buffer.from([0, 0, 0, 0, 0, 1])]), offset);
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    let now = Date.now();
    const log = LmdbLog.open(environment, { now: () => now, retention: { maxAgeMs: DAY } });
    await expect(log.append(A, "alice", [{ body: Buffer.from("x"), key: "x" }])).rejects.toMatchObject({ code: "record_damaged" });
    expect(await read(log, B, 1)).toMatchObject({ bodies: texts(B, 1, 2, 3, 4, 5) });
    now += 2 * DAY;
    await log.expire();
    expect(await log.head(B)).toEqual({ first: 6, next: 6 });
    await log.close();
  });

  it.each([0, 8])("gives new channels ids of their own where the next id is damaged, at byte %i", async (offset) => {
    await damage(Buffer.concat([Buffer.from("next-id"), Buffer.from([0, 0, 0, 0, 0])]), offset);
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const log = LmdbLog.open(environment);
    await log.append("a/b/new", "alice", [{ body: Buffer.from("new"), key: "new" }]);
    expect(await read(log, "a/b/new", 1)).toMatchObject({ bodies: ["new"] });
    expect(await read(log, A, 1)).toMatchObject({ bodies: texts(A, 1, 2, 3, 4, 5) });
    await log.close();
  });
});

it("a copy of a stopped server's directory, at another place, has everything that was acknowledged", async () => {
  const copy = await temporaryDirectory();
  try {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const log = LmdbLog.open(environment);
      await log.append(A, "alice", [{ body: bodyOf(A, 1), key: "1" }]);
      await log.close();
    }
    await copyFile(join(directory.path, "skytale.mdb"), join(copy.path, "skytale.mdb"));
    await using environment = await LmdbEnvironment.open(copy.path, SCHEMA);
    const log = LmdbLog.open(environment);
    expect((await log.read(A, { from: 1, ...ALL })).entries.map(textOf)).toEqual([bodyOf(A, 1).toString()]);
    await log.close();
  } finally {
    await copy.remove();
  }
});

describe("a log whose clock jumps ahead", () => {
  it("keeps entries that are younger by the steady clock, and removes them when that is as far", async () => {
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    let wall = Date.now();
    let steady = wall;
    const log = LmdbLog.open(environment, { now: () => wall, expiryNow: () => steady });
    const welcomes = LmdbWelcomes.open(environment, { now: () => wall, expiryNow: () => steady });
    const recipient = Buffer.from("recipient");
    await log.append(A, "alice", [{ body: Buffer.from("kept"), key: "1" }]);
    await welcomes.put(A, { recipients: [recipient], payload: Buffer.from("welcome") });
    wall += 31 * DAY;
    await log.append(A, "alice", [{ body: Buffer.from("too"), key: "2" }]);
    await log.expire();
    await welcomes.expire();
    expect(await log.head(A)).toEqual({ first: 1, next: 3 });
    expect(await welcomes.fetch(A, [recipient], 1000)).toHaveLength(1);
    steady = wall;
    await log.expire();
    await welcomes.expire();
    expect(await log.head(A)).toEqual({ first: 2, next: 3 });
    expect(await welcomes.fetch(A, [recipient], 1000)).toHaveLength(0);
    await log.close();
    await welcomes.close();
  });
});

describe("a registry and welcomes with damaged records", () => {
  it("leave them out of lists, and fail for them alone", async () => {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const registry = new StoredRegistry(environment);
      for (const name of ["first", "second", "third"]) {
        await registry.commit([{ key: `thing/${name}`, expected: undefined, record: { name } }]);
      }
      const welcomes = LmdbWelcomes.open(environment);
      for (const name of ["one", "two"]) {
        await welcomes.put(A, { recipients: [Buffer.from("recipient")], payload: Buffer.from(`the welcome ${name}`) });
      }
      await welcomes.close();
    }
    await damage('{"name":"second"}');
    await damage("the welcome one");
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const registry = new StoredRegistry(environment);
    expect((await registry.list("thing/", { limit: 2 })).map(({ record }) => record["name"])).toEqual(["first", "third"]);
    await expect(registry.get("thing/second")).rejects.toMatchObject({ code: "record_damaged", retryable: false });
    expect(await registry.get("thing/third")).toMatchObject({ record: { name: "third" } });
    const welcomes = LmdbWelcomes.open(environment);
    const found = await welcomes.fetch(A, [Buffer.from("recipient")], 1000);
    expect(found.map(({ payload }) => Buffer.from(payload).toString())).toEqual(["the welcome two"]);
    await welcomes.close();
  });
});
