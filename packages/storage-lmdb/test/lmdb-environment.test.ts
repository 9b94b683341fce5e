import { execFile } from "node:child_process";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { LmdbFile } from "../src/lmdb-file.ts";
import { storedRecords } from "@parley/storage";
import { ENVIRONMENT_CHECKS } from "@parley/storage/testing";
import { LmdbEnvironment, type LmdbOptions } from "../src/index.ts";

const SCHEMA: LmdbOptions = { name: "things", schema: 7 };

describe("LmdbEnvironment", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let path: string;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    path = join(directory.path, "deep", "data.dir");
  });
  afterEach(() => directory.remove());

  it.each(ENVIRONMENT_CHECKS)("$name", async ({ run }) => {
    await using environment = await LmdbEnvironment.open(path, SCHEMA);
    await expect(run(environment)).resolves.toBeUndefined();
  });

  it("creates its directory and files for the owner only", async () => {
    await using _ = await LmdbEnvironment.open(path, SCHEMA);
    const modes = await Promise.all(
      [path, `${path}/things.mdb`, `${path}/things.mdb-lock`].map(async (name) => (await stat(name)).mode & 0o777),
    );
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  it("keeps records across a restart, ordered by key", async () => {
    const first = await LmdbEnvironment.open(path, SCHEMA);
    const table = first.table("things");
    first.writes.put(table, Buffer.from("b"), Buffer.from("2"));
    first.writes.put(table, Buffer.from("a"), Buffer.from("1"));
    first.writes.put(table, Buffer.from("c"), Buffer.from("3"));
    first.writes.remove(table, Buffer.from("b"));
    await first.writes.flush();
    await first.close();

    await using second = await LmdbEnvironment.open(path, SCHEMA);
    const found = Array.from(
      second.table("things").getRange({}),
      ({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`,
    );
    expect(found).toEqual(["a=1", "c=3"]);
  });

  it("rejects writes after closing", async () => {
    const environment = await LmdbEnvironment.open(path, SCHEMA);
    const table = environment.table("things");
    await environment.close();
    await environment.close();
    environment.writes.put(table, Buffer.from("a"), Buffer.from("1"));
    await expect(environment.writes.flush()).rejects.toMatchObject({ name: "StorageError", code: "storage_failed" });
  });

  it("rejects a directory that is open in this process, until it is closed", async () => {
    const first = await LmdbEnvironment.open(path, SCHEMA);
    const message =
      `Another server has this data directory open: ${path} is in use by another part of this process (pid ${process.pid}). ` +
      "Stop it first, or use another directory";
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject({ code: "data_dir_locked", retryable: true, message });
    await first.close();
    await using _ = await LmdbEnvironment.open(path, SCHEMA);
  });

  it("rejects a directory of another schema version, and releases it", async () => {
    const first = await LmdbEnvironment.open(path, SCHEMA);
    first.writes.put(first.table("meta"), Buffer.from("schema"), Buffer.from(String(SCHEMA.schema + 1)));
    await first.writes.flush();
    await first.close();
    const refusal = { code: "data_dir_unusable", message: expect.stringContaining(`version ${SCHEMA.schema + 1}`) };
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject(refusal);
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject(refusal);
  });

  it("opens a directory of an earlier schema version that it reads, which programs of that version then reject", async () => {
    {
      await using first = await LmdbEnvironment.open(path, SCHEMA);
      first.writes.put(first.table("t"), Buffer.from("key"), Buffer.from("value"));
      await first.writes.flush();
    }
    const next = { ...SCHEMA, schema: SCHEMA.schema + 1, earlierSchemas: [SCHEMA.schema] };
    for (let count = 0; count < 2; count++) {
      await using environment = await LmdbEnvironment.open(path, next);
      expect(environment.table("t").get(Buffer.from("key"))).toEqual(Buffer.from("value"));
    }
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject({ code: "data_dir_unusable" });
  });

  it.each([
    ["text", Buffer.from("not a database  ".repeat(1000))],
    ["zeros", Buffer.alloc(8192)],
    ["one byte", Buffer.from("x")],
  ])("rejects a database file that contains %s", async (_, content) => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "things.mdb"), content);
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject({ code: "data_dir_unusable" });
  });

  it.each([
    ["things.mdb", "a pipe", (file: string) => promisify(execFile)("mkfifo", [file])],
    ["things.mdb-lock", "a pipe", (file: string) => promisify(execFile)("mkfifo", [file])],
    ["things.mdb", "a symbolic link", (file: string) => symlink("/dev/null", file)],
    ["things.mdb", "a directory", (file: string) => mkdir(file)],
  ])("rejects a directory where %s is %s", async (name, kind, create) => {
    await mkdir(path, { recursive: true });
    const file = join(path, name);
    await create(file);
    const message = expect.stringContaining(`${file} is ${kind}, not a regular file`) as unknown;
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject({ code: "data_dir_unusable", message });
  });

  it("rejects a link to the database of another directory, whose lock does not protect it", async () => {
    await using environment = await LmdbEnvironment.open(path, SCHEMA);
    const other = join(directory.path, "other");
    await mkdir(other);
    await symlink(join(path, "things.mdb"), join(other, "things.mdb"));
    await expect(LmdbEnvironment.open(other, SCHEMA)).rejects.toMatchObject({ code: "data_dir_unusable" });
    expect(await environment.checkWrites()).toEqual({ ok: true });
  });

  it("rejects a path that can't be a directory", async () => {
    await writeFile(join(directory.path, "deep"), "a file");
    await expect(LmdbEnvironment.open(path, SCHEMA)).rejects.toMatchObject({ code: "data_dir_unusable", retryable: false });
  });

  it("stores records with keys longer than LMDB allows", async () => {
    const first = await LmdbEnvironment.open(path, SCHEMA);
    const key = "k".repeat(3000);
    const records = storedRecords<{ readonly name: string }>(first, "records");
    await records.put(key, { name: "gone" });
    await records.put(key, { name: "kept" });
    await records.put("other", { name: "gone" });
    await records.remove("other");
    await first.close();
    await using second = await LmdbEnvironment.open(path, SCHEMA);
    expect([...storedRecords<{ readonly name: string }>(second, "records").load()]).toEqual([{ name: "kept" }]);
  });

  it("keeps its directory when the working directory changes", async () => {
    const cwd = process.cwd();
    await mkdir(path, { recursive: true });
    try {
      process.chdir(path);
      await using environment = await LmdbEnvironment.open("relative", SCHEMA);
      process.chdir("/");
      expect(environment.directory).toBe(join(path, "relative"));
      environment.writes.put(environment.table("things"), Buffer.from("a"), Buffer.from("1"));
      await environment.writes.flush();
      expect(await environment.checkWrites()).toEqual({ ok: true });
    } finally {
      process.chdir(cwd);
    }
  });

  it.runIf(process.platform === "linux")("names the path and the reason if a directory cannot be created", async () => {
    for (const bad of ["/proc/foo", "/proc/foo/bar"]) {
      await expect(LmdbEnvironment.open(bad, SCHEMA)).rejects.toMatchObject({
        code: "data_dir_unusable",
        message: expect.stringContaining(`${bad} cannot be created: `),
      });
    }
  });

  it("releases the directory even if a step of closing fails", async () => {
    for (const failing of ["writes", "file"] as const) {
      const environment = await LmdbEnvironment.open(path, SCHEMA);
      const error = new Error(`${failing} failed`);
      if (failing === "writes") environment.writes.close = () => Promise.reject(error);
      else vi.spyOn(LmdbFile.prototype, "close").mockRejectedValueOnce(error);
      await expect(environment.close()).rejects.toBe(error);
      await (await LmdbEnvironment.open(path, SCHEMA)).close();
    }
  });
});
