import type { LmdbEnvironment } from "../src/index.ts";

/** Puts, replaces and removes records of all sizes at random. Each value begins with its key. */
export async function fillTables(environment: LmdbEnvironment, random: (below: number) => number, commits: number): Promise<void> {
  const tables = ["a", "b"].map((name) => environment.table(name));
  for (let commit = 0; commit < commits; commit++) {
    for (let write = random(80); write > 0; write--) {
      const table = tables[random(2)];
      if (table === undefined) continue;
      const key = Buffer.from(`key ${random(1000)} ${"x".repeat(random(4) === 0 ? random(1500) : 0)}`);
      if (random(4) === 0) for (const oldest of table.getKeys({ limit: 1 })) environment.writes.remove(table, Uint8Array.from(oldest));
      else environment.writes.put(table, key, Buffer.concat([key, Buffer.alloc(random(10) === 0 ? random(20_000) : random(300))]));
    }
    await environment.writes.flush();
  }
}
