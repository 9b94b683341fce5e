import fc from "fast-check";
import { deferred } from "@parley/core/internal";
import { gateOrSoak } from "@parley/test-assertions";
import { type Environment, MemoryEnvironment, type Write, WriteQueue } from "@parley/storage";
import { expect, it } from "vitest";
import type { ChannelLog, NewEntry } from "../../src/log/channel-log.ts";
import { LmdbLog } from "../../src/log/lmdb-log.ts";
import { MemoryLog } from "../../src/log/memory-log.ts";

const CHANNEL = "a/b/c";
const MAX = 20;
const MAX_GROUP = 3;
const RETENTION = { maxEntries: MAX };
const ACCOUNTS = ["alice", "bob", "carol", "mallory"];

/** What becomes of the commits of a process: the last two end it, before or after its commit is on disk. */
type Fate = "stored" | "fails" | "killed before" | "killed after";

const append = fc.record({
  account: fc.oneof({ weight: 2, arbitrary: fc.constant("mallory") }, { weight: 1, arbitrary: fc.constantFrom(...ACCOUNTS) }),
  count: fc.integer({ min: 1, max: MAX_GROUP }),
  isHandshake: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const step = fc.record({
  appends: fc.oneof(
    fc.tuple(append),
    // One of each account: those of the same account would become one group in one commit.
    fc.uniqueArray(append, { minLength: 2, maxLength: ACCOUNTS.length, selector: ({ account }) => account }),
  ),
  fate: fc.oneof(
    { weight: 8, arbitrary: fc.constant<Fate>("stored") },
    { weight: 1, arbitrary: fc.constantFrom<Fate>("fails", "killed before", "killed after") },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The entries that have to go are in the last commit, so they go with the next one, which the killed process does not make. */
const KILLED_BETWEEN_REMOVALS: Step[] = [
  { appends: [added("mallory", 1), added("alice", 3)], fate: "stored" },
  { appends: [added("mallory", 3, true)], fate: "stored" },
  { appends: [added("alice", 1, true)], fate: "stored" },
  { appends: [added("bob", 1), added("alice", 3, true)], fate: "stored" },
  { appends: [added("carol", 3), added("alice", 2, true)], fate: "stored" },
  { appends: [added("mallory", 2), added("bob", 3)], fate: "killed after" },
];

function added(account: string, count: number, isHandshake = false): Step["appends"][number] {
  return { account, count, isHandshake };
}

interface Entry {
  readonly account: string;
  readonly isHandshake: boolean;
  readonly body: string;
  /** Gone with the front, or evicted. */
  isGone: boolean;
}

/** A log, and how its process ends. */
interface Subject {
  readonly current: () => ChannelLog;
  readonly fate: (fate: Fate) => void;
  readonly restart: () => void;
  /** Checks the number of records on disk. */
  readonly checkRecords?: (entries: number) => void;
}

/** Entries by account that are there, and application entries. */
function counts(entries: readonly Entry[]): { readonly all: Map<string, number>; readonly application: Map<string, number> } {
  const all = new Map<string, number>();
  const application = new Map<string, number>();
  for (const { account, isHandshake, isGone } of entries) {
    if (isGone) continue;
    all.set(account, (all.get(account) ?? 0) + 1);
    if (!isHandshake) application.set(account, (application.get(account) ?? 0) + 1);
  }
  return { all, application };
}

/** Reads the whole log, compares it with what was appended, and marks what is gone. Returns the entries that have gone since. */
async function compare(log: ChannelLog, entries: Entry[], limit: number): Promise<Entry[]> {
  const gone: Entry[] = [];
  const lose = (sequence: number): void => {
    const entry = entries[sequence - 1];
    if (entry === undefined) throw new Error(`Entry ${sequence} was not appended`);
    if (!entry.isGone) gone.push(entry);
    entry.isGone = true;
  };
  const { first, next } = await log.head(CHANNEL);
  expect(next).toBe(entries.length + 1);
  for (let sequence = 1; sequence < first; sequence++) lose(sequence);
  let sequence = first;
  while (sequence < next) {
    const page = await log.read(CHANNEL, { from: sequence, limit, maxBytes: 10_000 });
    expect(page.head).toEqual({ first, next });
    expect(page.entries.length).toBeGreaterThan(0);
    for (const one of page.entries) {
      if (one instanceof Uint8Array) {
        expect(entries[sequence - 1]).toMatchObject({ body: Buffer.from(one).toString(), isGone: false });
        sequence++;
      } else {
        for (let count = 0; count < one.evicted; count++) {
          expect(entries[sequence - 1]?.isHandshake).toBe(false);
          lose(sequence++);
        }
      }
    }
  }
  return gone;
}

async function run({ current, ...subject }: Subject, steps: readonly Step[]): Promise<void> {
  const entries: Entry[] = [];
  let key = 0;
  for (const { appends, fate } of steps) {
    const before = counts(entries);
    subject.fate(fate);
    const added = appends.map(({ account, count, isHandshake }) =>
      Array.from({ length: count }, (): Entry => ({ account, isHandshake, body: `${account} ${key++}`, isGone: false })),
    );
    const done = await Promise.allSettled(
      added.map((group) =>
        current().append(
          CHANNEL,
          group[0]?.account ?? "",
          group.map(({ body, isHandshake }): NewEntry => ({ body: Buffer.from(body), key: body, isHandshake })),
        ),
      ),
    );
    expect(done.every(({ status }) => (status === "fulfilled") === (fate === "stored"))).toBe(true);
    subject.fate("stored");
    if (fate !== "stored" && fate !== "fails") subject.restart();
    if (fate === "stored" || fate === "killed after") entries.push(...added.flat());
    const gone = await compare(current(), entries, 1 + (key % 7));
    // A log may remove the rest in further commits.
    for (let turn = 0; turn < 100 && entries.filter(({ isGone }) => !isGone).length > MAX; turn++) {
      await current().expire();
      gone.push(...(await compare(current(), entries, 1 + (key % 7))));
    }
    const after = counts(entries);
    const application = [...after.application.values()].reduce((sum, count) => sum + count, 0);
    const isFrontDropped = application <= MAX / 2 + MAX_GROUP || before.all.size <= 1 || after.all.size <= 1;
    // Others may have had less than before and after the step when something went, since several were appended in turn.
    const slack = MAX_GROUP + (appends.length === 1 ? 0 : added.flat().length);
    const most = Math.max(0, ...ACCOUNTS.map((name) => Math.min(before.application.get(name) ?? 0, after.application.get(name) ?? 0)));
    for (const { account, isHandshake } of gone) {
      if (isFrontDropped) continue;
      expect(isHandshake).toBe(false);
      // The account had the most, but for the group that went last.
      expect((after.application.get(account) ?? 0) + slack).toBeGreaterThanOrEqual(most);
    }
    expect([...after.all.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(MAX);
    let total = 0;
    for (const account of ACCOUNTS) {
      const bytes = entries.reduce((sum, entry) => sum + (entry.account === account && !entry.isGone ? entry.body.length : 0), 0);
      expect(current().storedBytes(account)).toBe(bytes);
      total += bytes;
      const own = entries.filter((entry) => entry.account === account && !entry.isHandshake);
      // The oldest have gone.
      expect(own.slice(own.findIndex(({ isGone }) => !isGone)).every(({ isGone }) => !isGone) || own.every(({ isGone }) => isGone)).toBe(
        true,
      );
    }
    expect(current().totalStoredBytes).toBe(total);
    subject.checkRecords?.(entries.filter(({ isGone }) => !isGone).length);
  }
}

it(
  "in memory, a full log loses only the oldest entries of the account with the most",
  { timeout: gateOrSoak(180_000, 3_600_000) },
  async () => {
    const withoutFates = fc.array(
      step.map((one): Step => ({ ...one, fate: "stored" })),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(withoutFates, async (steps) => {
        const log = new MemoryLog({ retention: RETENTION });
        await run({ current: () => log, fate: () => undefined, restart: () => undefined }, steps);
      }),
      { numRuns: gateOrSoak(60, 5000) },
    );
  },
);

it(
  "on disk it does the same, also when commits fail, and when the process is killed before or after one",
  { timeout: gateOrSoak(180_000, 3_600_000) },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const disk = new MemoryEnvironment();
        let fate: Fate = "stored";
        const commit = async (writes: readonly Write[]): Promise<void> => {
          if (fate === "fails" || fate === "killed before") throw new Error("the disk is full");
          for (const { table, key, value } of writes) {
            if (value === undefined) disk.writes.remove(table, key);
            else disk.writes.put(table, key, value);
          }
          await disk.writes.flush();
          if (fate === "killed after") throw new Error("killed");
        };
        const open = (): ChannelLog => {
          const environment: Environment = { writes: new WriteQueue(commit), table: (name) => disk.table(name) };
          return LmdbLog.open(environment, { retention: RETENTION });
        };
        let log = open();
        const checkRecords = (entries: number): void => {
          // At most one run of evicted entries more than other segments, and no record is left over.
          expect(disk.table("log-segments").size).toBeLessThanOrEqual(2 * entries + 1);
          expect(disk.table("log-application").size).toBeLessThanOrEqual(entries);
          expect(disk.table("log-shares").size).toBeLessThanOrEqual(Math.min(entries, ACCOUNTS.length));
        };
        await run({ current: () => log, fate: (next) => (fate = next), restart: () => (log = open()), checkRecords }, steps);
      }),
      { numRuns: gateOrSoak(60, 5000), examples: [[KILLED_BETWEEN_REMOVALS]] },
    );
  },
);

it("a flood of one full channel does not keep another one from what it has to remove: its appends need not wait for the flood's", async () => {
  const [flooded, quiet] = ["a/b/flooded", "a/b/quiet"];
  const disk = new MemoryEnvironment();
  // More than one commit removes.
  const max = 300;
  const gate = deferred<void>();
  let commits = 0;
  let isHeld = false;
  const commit = async (writes: readonly Write[]): Promise<void> => {
    // The commits after the one that appends are held back.
    if (isHeld && ++commits > 1) await gate.promise;
    for (const { table, key, value } of writes) {
      if (value === undefined) disk.writes.remove(table, key);
      else disk.writes.put(table, key, value);
    }
    await disk.writes.flush();
  };
  const environment: Environment = { writes: new WriteQueue(commit), table: (name) => disk.table(name) };
  const log = LmdbLog.open(environment, { retention: { maxEntries: max } });
  let key = 0;
  const add = (channel: string, account: string): Promise<unknown> =>
    log.append(channel, account, [{ body: new Uint8Array(1), key: `${key++}` }]);
  for (const channel of [flooded, quiet]) for (let index = 0; index < max; index++) await add(channel, index % 2 === 0 ? "alice" : "bob");
  isHeld = true;
  // Each is a segment of its own.
  const flood = Array.from({ length: 1000 }, (_, index) => add(flooded, index % 2 === 0 ? "alice" : "bob"));
  await Promise.all([...flood, add(quiet, "alice")]);
  const stored = async (channel: string): Promise<number> => {
    const { first } = await log.head(channel);
    const { entries } = await log.read(channel, { from: first, limit: 10_000, maxBytes: 1_000_000 });
    return entries.filter((entry) => entry instanceof Uint8Array).length;
  };
  expect(await stored(flooded)).toBeGreaterThan(max);
  expect(await stored(quiet)).toBe(max);
  gate.resolve();
  await log.close();
});
