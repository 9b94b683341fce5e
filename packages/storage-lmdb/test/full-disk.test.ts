import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canMountSmallDisk, smallDisk, type SmallDisk } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Table } from "@parley/storage";
import { LmdbEnvironment, type LmdbOptions } from "../src/index.ts";

const MIB = 1024 * 1024;
const SCHEMA: LmdbOptions = { name: "things", schema: 1 };
const canMount = await canMountSmallDisk("storage on a full disk");

describe.skipIf(!canMount)("LmdbEnvironment on a full disk", () => {
  let disk: SmallDisk;
  let path: string;
  beforeEach(async () => {
    disk = await smallDisk(4 * MIB);
    path = join(disk.path, "data");
  });
  afterEach(() => disk.remove());

  const keysOf = (table: Table): string[] => Array.from(table.getKeys({}), (key) => Buffer.from(key).toString());

  it("does not start without space for a new database, and names reason and directory", async () => {
    const full = { code: "storage_failed", retryable: true, message: `${path} cannot be opened: no space left on device` };
    // With less than one or two pages, LMDB would end the process.
    for (const left of [0, 4096, 8192, 16_384, 100_000]) {
      await disk.fill(left);
      await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject(full);
    }
    await disk.drain();
    await using _ = await LmdbEnvironment.open(path, SCHEMA);
  });

  it("starts with an existing database, reads it, and writes when there is space again", async () => {
    const first = await LmdbEnvironment.open(path, SCHEMA);
    first.writes.put(first.table("things"), Buffer.from("a"), Buffer.from("1"));
    await first.writes.flush();
    await first.close();
    await disk.fill();

    await using second = await LmdbEnvironment.open(path, SCHEMA);
    const table = second.table("things");
    expect(keysOf(table)).toEqual(["a"]);
    second.writes.put(table, Buffer.from("b"), Buffer.alloc(MIB));
    await expect(second.writes.flush()).rejects.toMatchObject({ code: "storage_failed", cause: { code: "ENOSPC" } });
    await disk.drain();
    second.writes.put(table, Buffer.from("c"), Buffer.alloc(MIB));
    await second.writes.flush();
    expect(keysOf(table)).toEqual(["a", "c"]);
  });

  it("allocates the lock file of an earlier version, which LMDB maps into memory", async () => {
    await (await LmdbEnvironment.open(path, SCHEMA)).close();
    const lock = join(path, "things.mdb-lock");
    await writeFile(lock, Buffer.alloc(100));
    await disk.fill(4096);
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject({ code: "storage_failed", retryable: true });
    await disk.drain();
    await (await LmdbEnvironment.open(path, SCHEMA)).close();
    const { size, blocks } = await stat(lock);
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
  });

  it("continues after any number of failed writes: acknowledged writes are stored, failed ones are not", async () => {
    await using environment = await LmdbEnvironment.open(path, SCHEMA);
    const table = environment.table("things");
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    const write = async (key: string, bytes: number): Promise<boolean> => {
      environment.writes.put(table, Buffer.from(key), Buffer.alloc(bytes, key));
      const failed = await environment.writes.flush().then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failed !== undefined) {
        failures.push(failed);
        return false;
      }
      acknowledged.push(key);
      return true;
    };
    for (let round = 0; round < 8; round++) {
      await disk.fill(round * 30_000);
      for (let i = 0; await write(`${round}-${i}`, 1000 + ((i * 7919) % 60_000)); i++);
      await disk.drain();
      expect(await write(`${round}-after`, 10)).toBe(true);
      for (const key of acknowledged.splice(0, acknowledged.length - 3)) environment.writes.remove(table, Buffer.from(key));
      await environment.writes.flush();
      expect(keysOf(table)).toEqual(acknowledged.toSorted());
    }
    const full = { code: "storage_failed", retryable: true, message: `A write failed: no space left on device, ${path}` };
    expect(failures.length).toBeGreaterThanOrEqual(8);
    for (const failure of failures) expect(failure).toMatchObject(full);
  });

  it("removes rows while the disk is full", async () => {
    await using environment = await LmdbEnvironment.open(path, SCHEMA);
    const table = environment.table("things");
    for (const key of ["a", "b", "c"]) environment.writes.put(table, Buffer.from(key), Buffer.alloc(20_000));
    await environment.writes.flush();
    await disk.fill();
    for (const key of ["a", "b"]) {
      environment.writes.remove(table, Buffer.from(key));
      await environment.writes.flush();
    }
    expect(keysOf(table)).toEqual(["c"]);
  });

  it("reports why writes fail until they succeed", async () => {
    await using environment = await LmdbEnvironment.open(path, SCHEMA);
    expect(await environment.checkWrites()).toEqual({ ok: true });
    const table = environment.table("things");
    await disk.fill();
    environment.writes.put(table, Buffer.from("big"), Buffer.alloc(MIB));
    await expect(environment.writes.flush()).rejects.toMatchObject({ code: "storage_failed" });
    const failure = { code: "storage_failed", retryable: true, message: `A write failed: no space left on device, ${path}` };
    expect(await environment.checkWrites()).toMatchObject({ ok: false, error: failure });
    expect(await environment.checkWrites()).toMatchObject({ ok: false, error: failure });
    await disk.drain();
    expect(await environment.checkWrites()).toEqual({ ok: true });
  });

  it("reports a full disk without any write", async () => {
    await using environment = await LmdbEnvironment.open(path, SCHEMA);
    await disk.fill();
    expect(await environment.checkWrites()).toMatchObject({
      ok: false,
      error: { message: `A write failed: no space left on device, ${path}` },
    });
  });

  it("releases the directory when it is closed on a full disk", async () => {
    const environment = await LmdbEnvironment.open(path, SCHEMA);
    await disk.fill();
    environment.writes.put(environment.table("things"), Buffer.from("lost"), Buffer.alloc(MIB));
    await environment.close();
    await using again = await LmdbEnvironment.open(path, SCHEMA);
    expect(keysOf(again.table("things"))).toEqual([]);
  });
});
