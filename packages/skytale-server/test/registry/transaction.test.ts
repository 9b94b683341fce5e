import { describe, expect, it } from "vitest";
import { MemoryEnvironment } from "@parley/storage";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";
import { Kind, transact } from "../../src/registry/transaction.ts";

type Count = { readonly n: number };

const counts: Kind<Count> = new Kind("count");

async function set(registry: StoredRegistry, name: string, n: number): Promise<void> {
  await transact(registry, async (transaction) => {
    await transaction.get(counts, name);
    transaction.put(counts, [name], { n });
  });
}

describe("a transaction", () => {
  it("reads its own writes, and other readers see all of them or none", async () => {
    const registry = new StoredRegistry(new MemoryEnvironment());
    await transact(registry, async (transaction) => {
      transaction.put(counts, ["a"], { n: 1 });
      transaction.put(counts, ["b"], { n: 1 });
      expect(await transaction.get(counts, "a")).toEqual({ n: 1 });
      expect(await counts.read(registry, "a")).toBeUndefined();
      transaction.remove(counts, "b");
      expect(await transaction.get(counts, "b")).toBeUndefined();
    });
    expect((await registry.list("", { limit: 10 })).map(({ key }) => key)).toEqual(["count/a"]);
  });

  it("runs again if a record that it read has changed, even without a write to that record", async () => {
    const registry = new StoredRegistry(new MemoryEnvironment());
    await set(registry, "limit", 1);
    let runs = 0;
    const allowed = await transact(registry, async (transaction) => {
      runs++;
      const limit = await transaction.get(counts, "limit");
      if (runs === 1) await set(registry, "limit", 0);
      if (limit?.n === 0) return false;
      transaction.put(counts, ["entry"], { n: 1 });
      return true;
    });
    expect({ allowed, runs }).toEqual({ allowed: false, runs: 2 });
    expect(await counts.read(registry, "entry")).toBeUndefined();
  });

  it("writes nothing when its decision throws", async () => {
    const registry = new StoredRegistry(new MemoryEnvironment());
    const refused = transact(registry, async (transaction) => {
      transaction.put(counts, ["a"], { n: 1 });
      throw new RangeError("no");
    });
    await expect(refused).rejects.toThrow(RangeError);
    expect(await counts.read(registry, "a")).toBeUndefined();
  });

  it("gives up in the end when others are always first", async () => {
    const registry = new StoredRegistry(new MemoryEnvironment());
    let runs = 0;
    const hopeless = transact(registry, async (transaction) => {
      await transaction.get(counts, "a");
      await set(registry, "a", ++runs);
      transaction.put(counts, ["a"], { n: -1 });
    });
    await expect(hopeless).rejects.toMatchObject({ code: "conflict", retryable: true });
    expect(await counts.read(registry, "a")).toEqual({ n: 32 });
  });
});
