import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open as openLmdb } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { readChecked, tableSeed, TRAILER_BYTES, writeChecked } from "../src/checksum.ts";
import { type DamagedRecord, storedRecords } from "@parley/storage";
import { LmdbEnvironment, type LmdbOptions } from "../src/index.ts";

const SCHEMA: LmdbOptions = { name: "things", schema: 1 };
const KEY = Buffer.from("key");

describe("checksums", () => {
  const seed = tableSeed("things");

  function checked(key: Uint8Array, value: Uint8Array): Buffer {
    const record = Buffer.alloc(value.length + TRAILER_BYTES);
    writeChecked(record, seed, key, value);
    return record;
  }

  it("verify for every record, in both formats", () => {
    for (let length = 0; length < 300; length++) {
      const [key, value] = [Buffer.alloc(length % 7, length), Buffer.alloc(length, length)];
      const record = checked(key, value);
      for (const format of ["checked", "mixed"] as const) expect(readChecked(seed, key, record, format)).toEqual(value);
    }
  });

  it("detect every single-bit error, also if records without checksums are accepted", () => {
    const value = Buffer.from("some text of a message");
    const record = checked(KEY, value);
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = Buffer.from(record);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readChecked(seed, KEY, flipped, "checked")).toBeUndefined();
      expect(readChecked(seed, KEY, flipped, "mixed")).toBeUndefined();
    }
  });

  it("detect records that are truncated, under another key, or in another table", () => {
    const record = checked(KEY, Buffer.from("value"));
    for (let length = 0; length < record.length; length++) {
      expect(readChecked(seed, KEY, record.subarray(0, length), "checked")).toBeUndefined();
    }
    expect(readChecked(seed, Buffer.from("kez"), record, "checked")).toBeUndefined();
    expect(readChecked(tableSeed("other"), KEY, record, "checked")).toBeUndefined();
  });

  it("accept records without checksums in mixed directories only", () => {
    for (const text of ["", "{}", "x".repeat(500), JSON.stringify({ text: "\u{10ffff}" })]) {
      expect(Buffer.from(readChecked(seed, KEY, Buffer.from(text), "mixed") ?? "none").toString()).toBe(text);
      expect(readChecked(seed, KEY, Buffer.from(text), "checked")).toBeUndefined();
    }
  });
});

describe("LmdbEnvironment with damage", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let file: string;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    file = join(directory.path, "things.mdb");
  });
  afterEach(() => directory.remove());

  /** Flips a bit in the first occurrence of a text in the file. */
  async function damage(text: string): Promise<void> {
    const content = await readFile(file);
    for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1)) content[at] = (content[at] ?? 0) ^ 1;
    await writeFile(file, content);
  }

  async function fill(count = 5): Promise<void> {
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const table = environment.table("things");
    for (let index = 0; index < count; index++) {
      environment.writes.put(table, Buffer.from(`key-${index}`), Buffer.from(`the value of ${index}`));
    }
    await environment.writes.flush();
  }

  it("skips a damaged record, reads the others, and reports it once", async () => {
    await fill();
    await damage("value of 2");
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const reported: DamagedRecord[] = [];
    environment.onDamaged((record) => reported.push(record));
    const table = environment.table("things");
    for (let round = 0; round < 3; round++) {
      const values = Array.from(table.getRange({ limit: 4 }), ({ value }) => Buffer.from(value).toString());
      expect(values).toEqual([0, 1, 3, 4].map((index) => `the value of ${index}`));
      expect(() => table.get(Buffer.from("key-2"))).toThrowError(expect.objectContaining({ code: "record_damaged", retryable: false }));
    }
    expect(reported.map(({ table: name, key }) => `${name} ${Buffer.from(key).toString()}`)).toEqual(["things key-2"]);
  });

  it("sets a damaged record aside as stored", async () => {
    await fill();
    await damage("value of 2");
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const table = environment.table("things");
    expect(Buffer.from(table.setAside(environment.writes, Buffer.from("key-2")) ?? []).toString()).toContain("walue of 2");
    await environment.writes.flush();
    expect(table.get(Buffer.from("key-2"))).toBeUndefined();
    const [aside] = environment.table("damaged").getRange({});
    expect(Buffer.from(aside?.key ?? []).toString()).toBe("things\0key-2");
    expect(Buffer.from(aside?.value ?? []).toString()).toContain("walue of 2");
  });

  it("loads the intact stored records, and sets the damaged one aside", async () => {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const records = storedRecords<{ readonly name: string }>(environment, "records");
      for (const name of ["first", "second", "third"]) await records.put(name, { name });
    }
    await damage('"second"');
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const loaded = [...storedRecords<{ readonly name: string }>(environment, "records").load()];
    expect(loaded.map(({ name }) => name).toSorted()).toEqual(["first", "third"]);
    await environment.writes.flush();
    expect(environment.table("damaged").size).toBe(1);
  });

  it("opens a directory of a version without checksums, and writes checksums from then on", async () => {
    await fill(0);
    const root = openLmdb<Buffer, Uint8Array>({ path: file, noSubdir: true, maxDbs: 32, encoding: "binary", keyEncoding: "binary" });
    await root
      .openDB<Buffer, Uint8Array>({ name: "meta", encoding: "binary", keyEncoding: "binary" })
      .put(Buffer.from("schema"), Buffer.from("1"));
    const things = root.openDB<Buffer, Uint8Array>({ name: "things", encoding: "binary", keyEncoding: "binary" });
    await things.put(Buffer.from("old"), Buffer.from("an old value"));
    await root.close();

    for (let round = 0; round < 2; round++) {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const table = environment.table("things");
      environment.writes.put(table, Buffer.from("new"), Buffer.from("a new value"));
      await environment.writes.flush();
      expect(Array.from(table.getRange({}), ({ value }) => Buffer.from(value).toString())).toEqual(["a new value", "an old value"]);
    }
    await damage("a new value");
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    expect(Array.from(environment.table("things").getRange({}), ({ value }) => Buffer.from(value).toString())).toEqual(["an old value"]);
  });

  it("opens a directory whose version record is damaged", async () => {
    await fill();
    await damage("1+crc32");
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    expect(Array.from(environment.table("things").getKeys({}))).toHaveLength(5);
  });

  it("rejects a file that is truncated by one or many pages, and names the remedy", async () => {
    await fill(500);
    const content = await readFile(file);
    const used =
      content.readBigUInt64LE(144) > content.readBigUInt64LE(4096 + 144)
        ? content.readBigUInt64LE(144)
        : content.readBigUInt64LE(4096 + 144);
    for (const pages of [Number(used), Number(used) - 1, 3, 2]) {
      const short = join(directory.path, "things.mdb");
      await writeFile(short, content);
      await using handle = await open(short, "r+");
      await handle.truncate(pages * 4096);
      await expect(LmdbEnvironment.open(directory.path, SCHEMA)).rejects.toMatchObject({
        code: "data_dir_unusable",
        message: expect.stringMatching(/things\.mdb is cut short: .* bytes of .*Restore the data directory from a backup/),
      });
    }
  });

  it("rejects a file whose newest state refers to missing pages", async () => {
    await fill();
    const content = await readFile(file);
    for (const page of [0, 4096]) content.writeBigUInt64LE(1_000_000n, page + 136);
    await writeFile(file, content);
    await expect(LmdbEnvironment.open(directory.path, SCHEMA)).rejects.toMatchObject({
      code: "data_dir_unusable",
      message: expect.stringContaining("Restore the data directory from a backup"),
    });
  });
});
