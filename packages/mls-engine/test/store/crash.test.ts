import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it, vi } from "vitest";
import { StoreError, type Durability, type StoreChange } from "../../src/index.ts";
import { openFileStoreIn } from "../../src/store/file/open-file-store.ts";
import { CrashingFiles, type Fault, type Random } from "./crashing-files.ts";
import { openOn, put, rowsOf } from "./open-files.ts";

type State = Record<string, string>;

interface Step {
  readonly changes: readonly StoreChange[];
  readonly durability: Durability;
  readonly compact: boolean;
}

const KEY = new Uint8Array(32).fill(7);
const OPTIONS = [
  { name: "plain", options: {} },
  { name: "encrypted", options: { encryptionKey: KEY } },
];

const change = fc.record({
  key: fc.constantFrom("a", "b", "c", "d", "e"),
  value: fc.option(
    // Some are large enough to cause a rewrite of the log.
    fc
      .tuple(fc.nat(255), fc.oneof({ weight: 9, arbitrary: fc.nat(200) }, { weight: 1, arbitrary: fc.constant(120_000) }))
      .map(([byte, length]) => new Uint8Array(length).fill(byte)),
    { nil: undefined, freq: 3 },
  ),
  isPublic: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  durability: fc.constantFrom<Durability>("durable", "soon"),
  compact: fc.boolean(),
});

describe("A store in files", () => {
  it.each(OPTIONS)(
    "is as some batch left it after a crash at any operation, and no durable one is lost ($name)",
    async ({ options }) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), async (steps, seed) => {
          const random = pseudoRandom(seed);
          const operations = await operationsOf(steps, options);
          // Every operation of one run would be too many for each of many runs.
          for (let at = 1 + Math.floor(random() * 4); at <= operations; at += 1 + Math.floor(random() * 4)) {
            await expectSurvives(steps, at, "crash", random, options);
          }
        }),
        { numRuns: gateOrSoak(20, 600) },
      );
    },
    gateOrSoak(180_000, 3_600_000),
  );

  it("keeps its guarantees after a crash at each operation of one long history", async () => {
    const steps = fc.sample(fc.array(step, { minLength: 25, maxLength: 25 }), { seed: 1, numRuns: 1 })[0] ?? [];
    const operations = await operationsOf(steps, {});
    expect(operations).toBeGreaterThan(50);
    for (let at = 1; at <= operations; at += 1) await expectSurvives(steps, at, "crash", pseudoRandom(at), {});
  });

  it("shows only durable rows: rows shown after a kill at any operation survive a power failure", async () => {
    const steps = fc.sample(fc.array(step, { minLength: 25, maxLength: 25 }), { seed: 3, numRuns: 1 })[0] ?? [];
    const operations = await operationsOf(steps, {});
    for (let at = 1; at <= operations; at += 1) {
      const files = new CrashingFiles();
      files.failAt(at, "kill");
      await run(files, steps, {}, { durable: 0 }).catch(() => undefined);
      const shown = rowsOf(await (await openOn(files.afterKill())).open("p"));
      expect(rowsOf(await (await openOn(files.afterCrash(pseudoRandom(at)))).open("p"))).toEqual(shown);
    }
  });

  it.each<Fault>(["EIO", "ENOSPC"])(
    "has lost nothing durable after %s at any operation",
    async (fault) => {
      const steps = fc.sample(fc.array(step, { minLength: 25, maxLength: 25 }), { seed: 2, numRuns: 1 })[0] ?? [];
      const operations = await operationsOf(steps, {});
      for (let at = 1; at <= operations; at += 1) await expectSurvives(steps, at, fault, pseudoRandom(at), {});
    },
    gateOrSoak(180_000, 3_600_000),
  );

  it("rewrites everything after a failure, so that a power failure directly afterwards loses nothing", async () => {
    for (let at = 1; at <= 8; at += 1) {
      const files = new CrashingFiles();
      const store = await openOn(files);
      const partition = await store.open("p");
      await partition.write([put("k", "1")], "durable");
      files.failAt(at, "EIO");
      const failed = await partition.write([put("k", "2"), put("p", "2", true)], "durable").then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failed).toMatchObject({ code: "failed", cause: { code: "EIO" } });
      const state = { k: "3", p: "2" };
      await partition.write([put("k", "3")], "durable");
      expect(rowsOf(partition)).toEqual(state);
      // What a page cache shows after a failed sync need not be on disk; what was acknowledged since must be.
      const after = await openOn(files.afterCrash(() => 0.99));
      expect(rowsOf(await after.open("p"))).toEqual(state);
      await after.close();
    }
  });

  it("keeps acknowledged batches if the power fails after a failed write", async () => {
    for (let at = 1; at <= 8; at += 1) {
      for (const dice of [0, 0.3, 0.99]) {
        const files = new CrashingFiles();
        const store = await openOn(files);
        const partition = await store.open("p");
        await partition.write([put("k", "1"), put("q", "1", true)], "durable");
        files.failAt(at, "EIO");
        const failed = await partition.write([put("k", "2"), put("p", "2", true)], "durable").then(
          () => false,
          () => true,
        );
        const after = await openOn(files.afterCrash(() => dice));
        const [before, written] = [
          { k: "1", q: "1" },
          { k: "2", p: "2", q: "1" },
        ];
        expect(failed ? [before, written] : [written]).toContainEqual(rowsOf(await after.open("p")));
        await after.close();
      }
    }
  });

  it("continues after any number of failures and leaves no temporary file", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files);
    const partition = await store.open("p");
    const state: Record<string, string> = {};
    let failures = 0;
    for (let round = 0; round < 300; round += 1) {
      const key = `k${round % 7}`;
      const isPublic = round % 3 === 0;
      state[key] = String(round);
      if (round % 2 === 0) files.failAt(1 + (round % 11), round % 4 === 0 ? "ENOSPC" : "EIO");
      const failed = await partition.write([put(key, String(round), isPublic)], "durable").then(
        () => 0,
        () => 1,
      );
      failures += failed;
      expect(rowsOf(partition)).toEqual(state);
    }
    expect(failures).toBeGreaterThan(20);
    files.failAt(0, "EIO");
    await partition.write([put("k0", "last")], "durable");
    await store.close();
    expect(Array.from(files.contents().keys()).filter((name) => name.endsWith(".rows")).length).toBeLessThanOrEqual(1);
    const reopened = await openOn(files);
    expect(rowsOf(await reopened.open("p"))).toEqual({ ...state, k0: "last" });
  });

  it("repeats a failed background flush", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files);
    const partition = await store.open("p");
    await partition.write([put("k", "1")], "durable");
    vi.useFakeTimers();
    try {
      files.failAt(1, "ENOSPC");
      await partition.write([put("k", "2")], "soon");
      await vi.advanceTimersByTimeAsync(2000);
    } finally {
      vi.useRealTimers();
    }
    const after = await openOn(files.afterCrash(() => 0.99));
    expect(rowsOf(await after.open("p"))).toEqual({ k: "2" });
  });

  it("isolates a failed partition from the others, and releases the store", async () => {
    const files = new CrashingFiles();
    let released = 0;
    const store = await openFileStoreIn(files, "/store", {}, async () => ({ release: async () => void released++ }));
    const [first, second] = [await store.open("first"), await store.open("second")];
    await second.write([put("k", "1")], "durable");
    files.failAt(1, "ENOSPC");
    const failure = { code: "failed", message: "Reading or writing the store failed: no space left on device, /store" };
    await expect(first.write([put("k", "1")], "durable")).rejects.toMatchObject(failure);
    await second.write([put("k", "2")], "durable");
    files.failAt(1, "ENOSPC");
    await expect(store.close()).rejects.toMatchObject(failure);
    expect(released).toBe(1);
    const reopened = await openOn(files);
    expect(rowsOf(await reopened.open("second"))).toEqual({ k: "2" });
  });

  it("removes unfinished files of a crash", async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = pseudoRandom(seed);
      const files = new CrashingFiles();
      files.failAt(1 + (seed % 40), "crash");
      await life(files).catch(() => undefined);
      const disk = files.afterCrash(random);
      const store = await openOn(disk);
      const names = await store.partitions();
      for (const name of names) await (await store.open(name)).write([put("t", "0", true)], "durable");
      await store.close();
      const left = Array.from(disk.contents().keys());
      const bases = left.filter((name) => name.endsWith(".log")).map((name) => name.slice(0, -".log".length));
      expect(bases).toHaveLength(names.length);
      expect(left.filter((name) => name.endsWith(".new"))).toEqual([]);
      expect(left.filter((name) => name.endsWith(".rows") && !bases.includes(name.split(".")[0] ?? ""))).toEqual([]);
      expect(left.filter((name) => name.endsWith(".rows"))).toHaveLength(names.length);
    }
  });
});

async function life(files: CrashingFiles): Promise<void> {
  const store = await openOn(files);
  const partition = await store.open("p");
  await partition.write([put("k", "1")], "durable");
  await partition.write([put("k", "2"), put("t", "2", true)], "durable");
  await partition.compact();
  await partition.close();
  await store.remove("p");
  const again = await store.open("p");
  await again.write([put("t", "3", true)], "durable");
  await store.close();
}

async function operationsOf(steps: readonly Step[], options: { encryptionKey?: Uint8Array }): Promise<number> {
  const files = new CrashingFiles();
  await run(files, steps, options, { durable: 0 });
  return files.operations;
}

/** Runs steps until the disk fails, and compares what is left with what the steps before would have left. */
async function expectSurvives(
  steps: readonly Step[],
  at: number,
  fault: Fault,
  random: Random,
  options: { encryptionKey?: Uint8Array },
): Promise<void> {
  const files = new CrashingFiles();
  files.failAt(at, fault);
  const progress = { durable: 0 };
  const error: unknown = await run(files, steps, options, progress).then(
    () => new StoreError("failed", "no fault met an operation that matters"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code: expect.stringMatching(/^(failed|unusable)$/) as string });
  const store = await openOn(files.afterCrash(random), options);
  const partition = await store.open("p");
  const found = rowsOf(partition);
  const possible = statesOf(steps).slice(progress.durable);
  expect(possible).toContainEqual(found);
  // And it goes on from there.
  await partition.write([put("after", "crash")], "durable");
  await store.close();
}

/** Writes all steps; notes how many of them are known to be durable. */
async function run(
  files: CrashingFiles,
  steps: readonly Step[],
  options: { encryptionKey?: Uint8Array },
  progress: { durable: number },
): Promise<void> {
  // Timers play no part, so that the same steps make the same operations.
  const store = await openOn(files, { ...options, flushDelayMs: 60_000 });
  try {
    const partition = await store.open("p");
    for (const [index, { changes, durability, compact }] of steps.entries()) {
      await partition.write(changes, durability);
      if (durability === "durable") progress.durable = index + 1;
      if (!compact) continue;
      await partition.compact();
      progress.durable = index + 1;
    }
  } finally {
    await store.close();
  }
  progress.durable = steps.length;
}

/** The rows before the first step, and after each. */
function statesOf(steps: readonly Step[]): State[] {
  const states: State[] = [{}];
  for (const { changes } of steps) {
    const state = { ...states.at(-1) };
    for (const { key, value } of changes) {
      if (value === undefined) delete state[key];
      else state[key] = Buffer.from(value).toString();
    }
    states.push(state);
  }
  return states;
}

/** A generator of numbers that is the same for the same seed. */
function pseudoRandom(seed: number): Random {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
