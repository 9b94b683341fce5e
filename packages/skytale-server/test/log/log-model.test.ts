import fc from "fast-check";
import { type Table, type Write, WriteQueue } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import type { AppendOutcome, ChannelLog, NewEntry } from "../../src/log/channel-log.ts";
import { LmdbLog } from "../../src/log/lmdb-log.ts";
import { MemoryLog } from "../../src/log/memory-log.ts";

const CHANNELS = ["a/b/c", "a/b/d"];

interface ModelChannel {
  readonly bodies: string[];
  readonly keys: Map<string, number>;
  readonly commits: Map<bigint, number>;
  logEpoch?: bigint;
}

/** A model of a log. */
class Model {
  readonly #channels = new Map<string, ModelChannel>();

  append(name: string, publisher: string, entries: readonly NewEntry[]): AppendOutcome[] {
    return entries.map(({ body, key, commit }) => {
      const channel = this.channel(name);
      const known = channel.keys.get(`${publisher}/${key}`);
      if (known !== undefined) return { status: "duplicate", sequence: known, logEpoch: channel.logEpoch };
      const winner = commit && channel.commits.get(commit.epoch);
      if (commit !== undefined && winner !== undefined && winner !== commit.supersedes) {
        let currentEpoch = commit.epoch;
        while (channel.commits.has(currentEpoch)) currentEpoch++;
        return { status: "epoch_taken", winner, currentEpoch };
      }
      const sequence = channel.bodies.push(Buffer.from(body).toString("hex"));
      channel.keys.set(`${publisher}/${key}`, sequence);
      if (commit !== undefined) {
        channel.commits.set(commit.epoch, sequence);
        channel.logEpoch = commit.epoch + 1n;
      }
      return { status: "appended", sequence, logEpoch: channel.logEpoch };
    });
  }

  channel(name: string): ModelChannel {
    const channel = this.#channels.get(name) ?? { bodies: [], keys: new Map<string, number>(), commits: new Map<bigint, number>() };
    this.#channels.set(name, channel);
    return channel;
  }
}

const entry: fc.Arbitrary<NewEntry> = fc
  .record({
    body: fc.uint8Array({ maxLength: 20 }),
    key: fc.integer({ min: 0, max: 30 }).map(String),
    commit: fc.option(fc.record({ epoch: fc.bigInt(0n, 4n), supersedes: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }) }), {
      nil: undefined,
      freq: 3,
    }),
  })
  .map(({ body, key, commit }) => (commit === undefined ? { body, key } : { body, key, commit }));

const append = fc.record({
  what: fc.constant("append" as const),
  channel: fc.constantFrom(...CHANNELS),
  publisher: fc.constantFrom("alice", "bob"),
  entries: fc.array(entry, { maxLength: 6 }),
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant("appends" as const), appends: fc.array(append, { minLength: 1, maxLength: 4 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("read" as const),
      channel: fc.constantFrom(...CHANNELS),
      from: fc.integer({ min: 1, max: 30 }),
      limit: fc.integer({ min: 1, max: 10 }),
      maxBytes: fc.integer({ min: 1, max: 100 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("reopen" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Runs steps on a log and its model, and compares what both say; a reader follows along without missing anything. */
async function run(first: ChannelLog, reopen: () => Promise<ChannelLog>, steps: readonly Step[]): Promise<void> {
  let log = first;
  const model = new Model();
  const followed = new Map<string, string[]>(CHANNELS.map((channel) => [channel, []]));
  const follow = async (): Promise<void> => {
    for (const [channel, bodies] of followed) {
      await log.watch(channel, (page) => {
        expect(page.first).toBe(bodies.length + 1);
        bodies.push(...page.bodies.map((body) => Buffer.from(body).toString("hex")));
      });
    }
  };
  await follow();
  const perform = {
    async appends({ appends }: Extract<Step, { what: "appends" }>): Promise<void> {
      const outcomes = await Promise.all(appends.map(({ channel, publisher, entries }) => log.append(channel, publisher, entries)));
      expect(outcomes).toEqual(appends.map(({ channel, publisher, entries }) => model.append(channel, publisher, entries)));
    },
    async read({ channel, ...options }: Extract<Step, { what: "read" }>): Promise<void> {
      const { bodies } = model.channel(channel);
      const page = await log.read(channel, options);
      const read = page.entries.map((one) => (one instanceof Uint8Array ? one : new Uint8Array()));
      const found = read.map((body) => Buffer.from(body).toString("hex"));
      expect(found).toEqual(bodies.slice(options.from - 1, options.from - 1 + found.length));
      expect(page.head).toEqual({ first: 1, next: bodies.length + 1 });
      expect(found.length > 0).toBe(options.from <= bodies.length);
      const size = read.reduce((sum, { length }) => sum + length, 0);
      expect(found.length <= options.limit && (found.length <= 1 || size <= options.maxBytes)).toBe(true);
    },
    async reopen(): Promise<void> {
      log = await reopen();
      await follow();
    },
  };
  for (const one of steps) await perform[one.what](one as never);
  for (const [channel, bodies] of followed) expect(bodies).toEqual(model.channel(channel).bodies);
}

describe("a log does what its model does", () => {
  it("in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const log = new MemoryLog();
        await run(
          log,
          () => Promise.resolve(log),
          steps.filter(({ what }) => what !== "reopen"),
        );
      }),
    );
  });

  it("in LMDB, across restarts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const directory = await temporaryDirectory();
        const open = (): Promise<LmdbEnvironment> => LmdbEnvironment.open(directory.path, { name: "test", schema: 1 });
        let environment = await open();
        let log = LmdbLog.open(environment);
        try {
          const reopen = async (): Promise<ChannelLog> => {
            await log.close();
            await environment.close();
            environment = await open();
            log = LmdbLog.open(environment);
            return log;
          };
          await run(log, reopen, steps);
        } finally {
          await log.close();
          await environment.close();
          await directory.remove();
        }
      }),
      { numRuns: 30 },
    );
  });
});

it("a commit that fails leaves neither gap nor trace", async () => {
  let full = false;
  const stored = new Map<object, Map<string, Uint8Array>>();
  const commit = (writes: readonly Write[]): Promise<void> => {
    if (full) return Promise.reject(new Error("the disk is full"));
    for (const { table, key, value } of writes) {
      const rows = stored.get(table);
      const name = Buffer.from(key).toString("hex");
      if (value === undefined) rows?.delete(name);
      else rows?.set(name, value);
    }
    return Promise.resolve();
  };
  const environment = { directory: "", writes: new WriteQueue(commit), table: () => tableOf(stored) };
  const log = LmdbLog.open(environment);
  const told: number[] = [];
  await log.watch("a/b/c", (page) => told.push(page.first));
  const commitEntry = (key: string): NewEntry => ({ body: Buffer.from(key), key, commit: { epoch: 1n } });
  full = true;
  const failing = [log.append("a/b/c", "alice", [commitEntry("k")]), log.append("a/b/d", "alice", [commitEntry("k")])];
  for (const one of failing) await expect(one).rejects.toMatchObject({ code: "storage_failed", retryable: true });
  expect(await log.head("a/b/c")).toEqual({ first: 1, next: 1 });
  full = false;
  expect(await log.append("a/b/c", "alice", [commitEntry("k"), commitEntry("l")])).toEqual([
    { status: "appended", sequence: 1, logEpoch: 2n },
    { status: "epoch_taken", winner: 1, currentEpoch: 2n },
  ]);
  expect(told).toEqual([1]);
  await log.close();
});

/** A table in memory: what is committed is there. */
function tableOf(stored: Map<object, Map<string, Uint8Array>>): Table {
  const rows = new Map<string, Uint8Array>();
  const between = (start?: Uint8Array, end?: Uint8Array): [string, Uint8Array][] =>
    [...rows]
      .filter(
        ([name]) =>
          (start === undefined || name >= Buffer.from(start).toString("hex")) &&
          (end === undefined || name < Buffer.from(end).toString("hex")),
      )
      .toSorted(([left], [right]) => (left < right ? -1 : 1));
  const table: Table = {
    get size() {
      return rows.size;
    },
    has: (key) => rows.has(Buffer.from(key).toString("hex")),
    setAside: () => undefined,
    get: (key) => rows.get(Buffer.from(key).toString("hex")),
    getRange: ({ start, end, limit }) =>
      between(start, end)
        .slice(0, limit)
        .map(([name, value]) => ({ key: Buffer.from(name, "hex"), value })),
    getKeys: ({ start, end, limit }) =>
      between(start, end)
        .slice(0, limit)
        .map(([name]) => Buffer.from(name, "hex")),
  };
  stored.set(table, rows);
  return table;
}
