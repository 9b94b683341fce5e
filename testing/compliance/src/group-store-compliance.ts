import type { Durability, GroupStore, StoreChange, StorePartition } from "@parley/mls-engine";
import { describe, expect, it, onTestFinished } from "vitest";
import type { GroupStoreAbility, GroupStoreHarness } from "./group-store-harness.ts";

const BOTH: readonly Durability[] = ["durable", "soon"];

/** Names that are easily mishandled. The longest has the maximum of 1024 bytes. */
const ODD_NAMES = [
  "",
  " ",
  ".",
  "..",
  "../x",
  "a/b",
  "a\\b",
  "a\0b",
  "CON",
  "con",
  "ä",
  "a\u0308",
  "🦜",
  "x".repeat(1024),
  "€".repeat(341),
];

const put = (key: string, text: string, isPublic = false): StoreChange => ({ key, value: new TextEncoder().encode(text), isPublic });
const remove = (key: string): StoreChange => ({ key, value: undefined });

/**
 * Registers vitest tests of the `GroupStore` interface of `@parley/mls-engine`. `setUp` creates a harness for each test. Tests that need an
 * ability missing from `abilities` are omitted.
 */
export function groupStoreCompliance(
  name: string,
  setUp: () => Promise<GroupStoreHarness>,
  abilities: readonly GroupStoreAbility[] = ["reopen"],
): void {
  const itReopens = abilities.includes("reopen") ? it : undefined;

  /** Opens a store; each call closes the previous one. */
  async function place(): Promise<() => Promise<GroupStore>> {
    const harness = await setUp();
    let store: GroupStore | undefined;
    onTestFinished(async () => {
      await store?.close();
      await harness.stop();
    });
    return async () => {
      await store?.close();
      store = await harness.open();
      return store;
    };
  }

  async function opened(): Promise<{ store: GroupStore; partition: StorePartition }> {
    const store = await (await place())();
    return { store, partition: await store.open("a") };
  }

  /** Closes a partition and opens it again. */
  async function again(store: GroupStore, partition: StorePartition, partitionName = "a"): Promise<StorePartition> {
    await partition.close();
    return store.open(partitionName);
  }

  describe(`${name}: writing`, () => {
    it.each(BOTH)("makes rows readable immediately, and after reopening: %s", async (durability) => {
      const { store, partition } = await opened();
      const writing = partition.write([put("k", "v"), put("p", "public", true)], durability);
      expect(rowsOf(partition)).toEqual({ k: "v", p: "public" });
      await writing;
      expect(rowsOf(await again(store, partition))).toEqual({ k: "v", p: "public" });
    });

    it("replaces values, and removes rows", async () => {
      const { store, partition } = await opened();
      await partition.write([put("a", "1"), put("b", "2"), put("c", "3")], "durable");
      await partition.write([put("a", "4"), remove("b"), remove("never there")], "durable");
      expect(rowsOf(partition)).toEqual({ a: "4", c: "3" });
      expect(rowsOf(await again(store, partition))).toEqual({ a: "4", c: "3" });
    });

    it("applies the last of several changes of a key", async () => {
      const { store, partition } = await opened();
      await partition.write([put("a", "1"), put("a", "2"), put("b", "3"), remove("b"), remove("c"), put("c", "4")], "durable");
      expect(rowsOf(await again(store, partition))).toEqual({ a: "2", c: "4" });
    });

    it("applies batches in the order of the calls, for any durability", async () => {
      const { store, partition } = await opened();
      const writes = Array.from({ length: 200 }, (_, index) =>
        partition.write(
          [put("last", String(index)), put(`row ${index}`, "x"), remove(`row ${index - 1}`)],
          index % 3 === 0 ? "durable" : "soon",
        ),
      );
      await Promise.all(writes);
      expect(rowsOf(await again(store, partition))).toEqual({ last: "199", "row 199": "x" });
    });

    it("applies nothing of a batch with an invalid row", async () => {
      const { partition } = await opened();
      const bad: unknown[] = [
        { key: "", value: undefined },
        { key: "x".repeat(1025), value: undefined },
        { key: "\ud800", value: undefined },
        { key: 7, value: undefined },
        { key: "k", value: "text" },
        { key: "k", value: new Uint8Array(64 * 1024 * 1024 + 1) },
      ];
      for (const change of bad) {
        await expect(partition.write([put("good", "1"), change as StoreChange], "durable")).rejects.toThrow(TypeError);
      }
      await expect(partition.write([put("good", "1")], "now" as Durability)).rejects.toThrow(TypeError);
      expect(partition.keys()).toEqual([]);
      await partition.write([put("good", "2")], "durable");
      expect(rowsOf(partition)).toEqual({ good: "2" });
    });

    it("copies values when writing and reading", async () => {
      const { store, partition } = await opened();
      const value = Uint8Array.of(1, 2, 3);
      const writing = partition.write([{ key: "k", value }], "soon");
      value.fill(9);
      partition.get("k")?.fill(8);
      await writing;
      expect(partition.get("k")).toEqual(Uint8Array.of(1, 2, 3));
      expect((await again(store, partition)).get("k")).toEqual(Uint8Array.of(1, 2, 3));
    });

    it("accepts values of any size from 0 to 1 MiB", async () => {
      const { store, partition } = await opened();
      const sizes = [0, 1, 127, 128, 16_383, 16_384, 65_536, 1024 * 1024];
      const value = (size: number) => new Uint8Array(size).map((_, index) => (index * 31 + size) % 256);
      await partition.write(
        sizes.map((size) => ({ key: String(size), value: value(size), isPublic: size % 2 === 0 })),
        "durable",
      );
      const read = await again(store, partition);
      for (const size of sizes) expect(Buffer.compare(read.get(String(size)) ?? Buffer.from("absent"), value(size))).toBe(0);
    });

    it("accepts an empty batch, which changes nothing", async () => {
      const { store, partition } = await opened();
      await partition.write([], "durable");
      await partition.write([], "soon");
      expect(await store.partitions()).toEqual([]);
    });
  });

  describe(`${name}: reading`, () => {
    it("returns keys by prefix, in ascending order", async () => {
      const { partition } = await opened();
      await partition.write(
        ["b/2", "b/10", "a", "b", "c", "B", "ä", "🦜", "\uffff"].map((key) => put(key, "")),
        "soon",
      );
      expect(partition.keys("b/")).toEqual(["b/10", "b/2"]);
      expect(partition.keys("none")).toEqual([]);
      expect(partition.keys()).toEqual(["B", "a", "b", "b/10", "b/2", "c", "ä", "🦜", "\uffff"]);
    });

    it("returns undefined for a missing row", async () => {
      const { partition } = await opened();
      for (const key of ["k", "", "__proto__", "constructor"]) expect(partition.get(key)).toBeUndefined();
    });

    it("returns every key that can be written", async () => {
      const { store, partition } = await opened();
      const keys = ["__proto__", "\0", "x".repeat(1024), "€".repeat(341), "../x", "a\nb"];
      await partition.write(
        keys.map((key) => put(key, key)),
        "durable",
      );
      expect(rowsOf(await again(store, partition))).toEqual(Object.fromEntries(keys.map((key) => [key, key])));
    });
  });

  describe(`${name}: partitions`, () => {
    it("are separate, for any names", async () => {
      const store = await (await place())();
      for (const partitionName of ODD_NAMES) {
        const partition = await store.open(partitionName);
        await partition.write([put("name", partitionName)], "durable");
      }
      expect(new Set(await store.partitions())).toEqual(new Set(ODD_NAMES));
    });

    it("have well-formed names of at most 1024 bytes", async () => {
      const store = await (await place())();
      for (const bad of ["x".repeat(1025), "€".repeat(342), "\ud800", 7 as unknown as string]) {
        await expect(store.open(bad)).rejects.toThrow(TypeError);
        await expect(store.remove(bad)).rejects.toThrow(TypeError);
      }
    });

    it("exist from their first write until their removal", async () => {
      const { store, partition } = await opened();
      expect(await store.partitions()).toEqual([]);
      await partition.write([remove("k")], "soon");
      expect(await store.partitions()).toEqual(["a"]);
      await partition.close();
      expect(await store.partitions()).toEqual(["a"]);
      await store.remove("a");
      expect(await store.partitions()).toEqual([]);
      expect((await store.open("a")).keys()).toEqual([]);
    });

    it("are removed with all their rows", async () => {
      const { store, partition } = await opened();
      await partition.write([put("k", "v"), put("p", "public", true)], "durable");
      await partition.close();
      await store.remove("a");
      const fresh = await store.open("a");
      expect(fresh.keys()).toEqual([]);
      await fresh.write([put("new", "1")], "durable");
      expect(rowsOf(await again(store, fresh))).toEqual({ new: "1" });
      await store.remove("never there");
    });

    it("can be opened once at a time, and not during their removal", async () => {
      const { store, partition } = await opened();
      await partition.write([put("k", "v")], "durable");
      await expect(store.open("a")).rejects.toThrow(TypeError);
      await expect(store.remove("a")).rejects.toThrow(TypeError);
      await partition.close();
      const results = await Promise.allSettled([store.open("a"), store.open("a")]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    });

    it("can be thousands", async () => {
      const store = await (await place())();
      const names = Array.from({ length: 1000 }, (_, index) => `group ${index}`);
      const partitions = await Promise.all(names.map((each) => store.open(each)));
      await Promise.all(partitions.map((partition, index) => partition.write([put("k", String(index))], "durable")));
      expect(new Set(await store.partitions())).toEqual(new Set(names));
      await Promise.all(partitions.map((partition) => partition.close()));
      for (const index of [0, 500, 999]) expect(rowsOf(await store.open(`group ${index}`))).toEqual({ k: String(index) });
    });
  });

  describe(`${name}: compaction`, () => {
    it("preserves all rows", async () => {
      const { store, partition } = await opened();
      for (let round = 0; round < 5; round += 1) {
        await partition.write([put("secret", String(round)), put("tree", String(round), true), put(`row ${round}`, "x")], "soon");
        await partition.write([remove(`row ${round - 2}`)], "soon");
        await partition.compact();
      }
      const expected = { secret: "4", tree: "4", "row 3": "x", "row 4": "x" };
      expect(rowsOf(partition)).toEqual(expected);
      expect(rowsOf(await again(store, partition))).toEqual(expected);
    });

    it("can run during writes", async () => {
      const { store, partition } = await opened();
      const work: Promise<void>[] = [];
      for (let index = 0; index < 100; index += 1) {
        work.push(partition.write([put("a", String(index)), put("b", String(index))], index % 2 === 0 ? "durable" : "soon"));
        if (index % 10 === 0) work.push(partition.compact());
      }
      await Promise.all(work);
      expect(rowsOf(await again(store, partition))).toEqual({ a: "99", b: "99" });
    });

    it("handles rows that changed between public and secret", async () => {
      const { store, partition } = await opened();
      await partition.write([put("a", "1", true), put("b", "1"), put("c", "1", true), put("d", "1")], "durable");
      await partition.write([put("a", "2"), put("b", "2", true), remove("c"), remove("d")], "durable");
      const read = await again(store, partition);
      expect(rowsOf(read)).toEqual({ a: "2", b: "2" });
      await read.write([put("a", "3", true), remove("b")], "durable");
      await read.compact();
      expect(rowsOf(await again(store, read))).toEqual({ a: "3" });
    });

    it("does nothing on an empty store", async () => {
      const { store, partition } = await opened();
      await partition.compact();
      expect(await store.partitions()).toEqual([]);
    });
  });

  describe(`${name}: closing`, () => {
    it("makes a partition reject all calls", async () => {
      const { store, partition } = await opened();
      const writing = partition.write([put("k", "v")], "durable");
      await Promise.all([partition.close(), partition.close(), writing]);
      await expectClosed(partition);
      const reopened = await store.open("a");
      await partition.close();
      expect(rowsOf(reopened)).toEqual({ k: "v" });
    });

    it("makes the store reject all calls", async () => {
      const { store, partition } = await opened();
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await expectClosed(partition);
      await expect(store.open("a")).rejects.toMatchObject({ code: "closed" });
      await expect(store.remove("a")).rejects.toMatchObject({ code: "closed" });
      await expect(store.partitions()).rejects.toMatchObject({ code: "closed" });
    });

    it("happens at the end of an await using scope", async () => {
      const open = await place();
      let kept: GroupStore;
      {
        await using store = await open();
        kept = store;
      }
      await expect(kept.partitions()).rejects.toMatchObject({ code: "closed" });
    });

    itReopens?.("keeps all rows for the next opening", async () => {
      const open = await place();
      const store = await open();
      const first = await store.open("a");
      const second = await store.open("b");
      await first.write([put("k", "1"), put("p", "2", true)], "durable");
      void first.write([put("k", "3")], "soon");
      void second.write([put("other", "4", true)], "soon");
      const reopened = await open();
      expect(new Set(await reopened.partitions())).toEqual(new Set(["a", "b"]));
      expect(rowsOf(await reopened.open("a"))).toEqual({ k: "3", p: "2" });
      expect(rowsOf(await reopened.open("b"))).toEqual({ other: "4" });
    });

    itReopens?.("keeps removed partitions removed at the next opening", async () => {
      const open = await place();
      const store = await open();
      const partition = await store.open("a");
      await partition.write([put("k", "1"), put("p", "2", true)], "durable");
      await partition.close();
      await store.remove("a");
      const reopened = await open();
      expect(await reopened.partitions()).toEqual([]);
      expect((await reopened.open("a")).keys()).toEqual([]);
    });
  });
}

function rowsOf(partition: StorePartition): Record<string, string> {
  const decoder = new TextDecoder();
  return Object.fromEntries(partition.keys().map((key) => [key, decoder.decode(partition.get(key))]));
}

async function expectClosed(partition: StorePartition): Promise<void> {
  expect(() => partition.get("k")).toThrow(expect.objectContaining({ code: "closed" }));
  expect(() => partition.keys()).toThrow(expect.objectContaining({ code: "closed" }));
  await expect(partition.write([put("k", "late")], "durable")).rejects.toMatchObject({ code: "closed" });
  await expect(partition.write([put("k", "late")], "soon")).rejects.toMatchObject({ code: "closed" });
  await expect(partition.compact()).rejects.toMatchObject({ code: "closed" });
}
