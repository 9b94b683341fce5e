import { describe, expect, it, onTestFinished } from "vitest";
import type { Registry, RegistryChange, RegistryEntry } from "@parley/skytale-server/storage";

/** A registry under test, and how to reopen and release it. */
export interface RegistryHarness {
  readonly registry: Registry;
  /** Reopens the registry on the same records, as after a restart. Absent if the registry is not durable. */
  readonly reopen?: (() => Promise<Registry>) | undefined;
  stop(): Promise<void>;
}

const NEW = undefined;

/** Registers vitest tests of the `Registry` interface of a skytale server. `setUp` creates an empty one for each test. */
export function registryCompliance(name: string, setUp: () => Promise<RegistryHarness>): void {
  async function start(): Promise<RegistryHarness> {
    const harness = await setUp();
    onTestFinished(() => harness.stop());
    return harness;
  }

  async function open(): Promise<Registry> {
    return (await start()).registry;
  }

  async function revision(registry: Registry, key: string): Promise<string | undefined> {
    return (await registry.get(key))?.revision;
  }

  async function keys(registry: Registry, prefix: string, options: { limit?: number; after?: string } = {}): Promise<string[]> {
    return (await registry.list(prefix, { limit: 100, ...options })).map(({ key }) => key);
  }

  async function outcome(commit: Promise<void>): Promise<string> {
    return commit.then(
      () => "done",
      (error: unknown) => String((error as { code?: unknown }).code),
    );
  }

  describe(`${name}: records`, () => {
    it("are returned as written", async () => {
      const registry = await open();
      const record = { text: "ü\0\n€", number: -1.5, list: [1, null, { deep: true }], absent: undefined };
      expect(await registry.get("a/b")).toBeUndefined();
      await registry.commit([{ key: "a/b", expected: NEW, record }]);
      const entry = await registry.get("a/b");
      expect(entry).toMatchObject({ key: "a/b", record: { text: "ü\0\n€", number: -1.5, list: [1, null, { deep: true }] } });
      expect(await registry.list("a/", { limit: 1 })).toEqual([entry]);
    });

    it("are unaffected by later changes to the caller's object", async () => {
      const registry = await open();
      const record = { list: ["one"] };
      await registry.commit([{ key: "a", expected: NEW, record }]);
      record.list.push("two");
      expect((await registry.get("a"))?.record).toEqual({ list: ["one"] });
    });

    it("exist until they are removed", async () => {
      const registry = await open();
      await registry.commit([{ key: "a", expected: NEW, record: { n: 1 } }]);
      await registry.commit([{ key: "a", expected: await revision(registry, "a"), record: null }]);
      expect(await registry.get("a")).toBeUndefined();
      expect(await keys(registry, "")).toEqual([]);
    });

    it("survive a restart", async () => {
      const { registry, reopen } = await start();
      await registry.commit([
        { key: "kept", expected: NEW, record: { n: 1 } },
        { key: "gone", expected: NEW, record: { n: 2 } },
      ]);
      await registry.commit([{ key: "gone", expected: await revision(registry, "gone"), record: null }]);
      const before = await registry.get("kept");
      const again = reopen === undefined ? registry : await reopen();
      expect(await again.get("kept")).toEqual(before);
      expect(await keys(again, "")).toEqual(["kept"]);
    });
  });

  describe(`${name}: commits`, () => {
    it.each<[string, (entry: RegistryEntry) => RegistryChange]>([
      ["a new record where there is one", () => ({ key: "a", expected: NEW, record: { n: 2 } })],
      ["a change of an older revision", () => ({ key: "a", expected: "older", record: { n: 2 } })],
      ["a removal of an older revision", () => ({ key: "a", expected: "older", record: null })],
      ["a check of an older revision", () => ({ key: "a", expected: "older" })],
      ["a check of a record that is not there", ({ revision }) => ({ key: "b", expected: revision })],
      ["a removal of a record that is not there", ({ revision }) => ({ key: "b", expected: revision, record: null })],
    ])("reject %s, without changing anything", async (_what, make) => {
      const registry = await open();
      await registry.commit([{ key: "a", expected: NEW, record: { n: 1 } }]);
      const entry = await registry.get("a");
      const change = make(entry ?? { key: "a", record: {}, revision: "" });
      await expect(registry.commit([{ key: "c", expected: NEW, record: { n: 3 } }, change])).rejects.toMatchObject({
        code: "conflict",
        retryable: true,
      });
      expect(await registry.list("", { limit: 10 })).toEqual([entry]);
    });

    it("change several records atomically, and check others", async () => {
      const registry = await open();
      await registry.commit([
        { key: "a", expected: NEW, record: { n: 1 } },
        { key: "b", expected: NEW, record: { n: 1 } },
      ]);
      const before = await registry.get("b");
      await registry.commit([
        { key: "a", expected: await revision(registry, "a"), record: null },
        { key: "b", expected: before?.revision },
        { key: "c", expected: NEW },
        { key: "d", expected: NEW, record: { n: 4 } },
      ]);
      expect(await keys(registry, "")).toEqual(["b", "d"]);
      expect(await registry.get("b")).toEqual(before);
    });

    it("give a key a revision that was never used, even after a removal", async () => {
      const registry = await open();
      const seen = new Set<string | undefined>();
      for (let round = 0; round < 20; round++) {
        await registry.commit([{ key: "a", expected: await revision(registry, "a"), record: { same: true } }]);
        seen.add(await revision(registry, "a"));
        if (round % 3 === 0) await registry.commit([{ key: "a", expected: await revision(registry, "a"), record: null }]);
      }
      expect(seen.size).toBe(20);
    });

    it("succeed for exactly one of many concurrent calls with the same expectation", async () => {
      const registry = await open();
      const attempts = Array.from({ length: 20 }, (_, n) => outcome(registry.commit([{ key: "a", expected: NEW, record: { n } }])));
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter((result) => result === "done")).toHaveLength(1);
      expect(outcomes.filter((result) => result === "conflict")).toHaveLength(19);
      expect((await registry.get("a"))?.record).toEqual({ n: outcomes.indexOf("done") });
    });

    it("lose no increments of callers that retry", async () => {
      const registry = await open();
      const increment = async (): Promise<void> => {
        for (;;) {
          const entry = await registry.get("count");
          const n = Number(entry?.record["n"] ?? 0) + 1;
          const also = { key: `step/${n}`, expected: NEW, record: { n } };
          if ((await outcome(registry.commit([{ key: "count", expected: entry?.revision, record: { n } }, also]))) === "done") return;
        }
      };
      await Promise.all(Array.from({ length: 30 }, increment));
      expect((await registry.get("count"))?.record).toEqual({ n: 30 });
      expect(await keys(registry, "step/")).toHaveLength(30);
    });

    it("become visible atomically", async () => {
      const registry = await open();
      const written = new AbortController();
      const write = async (): Promise<void> => {
        for (let n = 0; n < 30; n++) {
          const [a, b] = await Promise.all([registry.get("pair/a"), registry.get("pair/b")]);
          await registry.commit([
            { key: "pair/a", expected: a?.revision, record: { n } },
            { key: "pair/b", expected: b?.revision, record: { n } },
          ]);
        }
        written.abort();
      };
      const torn: unknown[] = [];
      const read = async (): Promise<void> => {
        while (!written.signal.aborted) {
          const pair = await registry.list("pair/", { limit: 2 });
          if (pair[0]?.record["n"] !== pair[1]?.record["n"]) torn.push(pair);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await Promise.all([write(), read()]);
      expect(torn).toEqual([]);
    });

    it.each(["", "x".repeat(257), "a b", "a.b", "ä", "a\0", "a\n"])("reject the key %j", async (key) => {
      await expect((await open()).commit([{ key, expected: NEW, record: {} }])).rejects.toThrow(TypeError);
    });

    it("reject duplicate keys", async () => {
      const change = { key: "a", expected: NEW, record: {} };
      await expect((await open()).commit([change, change])).rejects.toThrow(TypeError);
    });
  });

  describe(`${name}: listing`, () => {
    const ALL = ["a", "a-", "a/", "a/1", "a/10", "a/2", "a/A", "a/_", "a/b", "a0", "b/1", "x".repeat(256)];

    it("returns records by prefix, in key order, in pages", async () => {
      const registry = await open();
      await registry.commit(ALL.toReversed().map((key) => ({ key, expected: NEW, record: { key } })));
      const expected = ALL.toSorted((a, b) => (a < b ? -1 : 1));
      expect(await keys(registry, "")).toEqual(expected);
      for (const prefix of ["a", "a/", "a/1", "b", "x", "y"]) {
        const those = expected.filter((key) => key.startsWith(prefix));
        expect(await keys(registry, prefix)).toEqual(those);
        const walked: string[] = [];
        for (let page = await keys(registry, prefix, { limit: 2 }); page.length > 0;) {
          walked.push(...page);
          page = await keys(registry, prefix, { limit: 2, after: walked.at(-1) ?? "" });
        }
        expect(walked).toEqual(those);
      }
    });

    it("starts after a key that does not exist", async () => {
      const registry = await open();
      await registry.commit(["p/1", "p/3", "q/1"].map((key) => ({ key, expected: NEW, record: {} })));
      expect(await keys(registry, "p/", { after: "p/2" })).toEqual(["p/3"]);
      expect(await keys(registry, "p/", { after: "a" })).toEqual(["p/1", "p/3"]);
      expect(await keys(registry, "p/", { after: "q" })).toEqual([]);
    });
  });
}
