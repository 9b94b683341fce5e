import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { canMountFailingDisk, failingDisk, type FailingDisk, temporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { LmdbEnvironment, type LmdbOptions } from "../src/index.ts";

const SCHEMA: LmdbOptions = { name: "things", schema: 1 };
const FILL = fileURLToPath(new URL("fixtures/fill-to-limit.mjs", import.meta.url));
const canMount = await canMountFailingDisk("storage on a disk that becomes read-only");

describe.skipIf(!canMount)("LmdbEnvironment on a disk that becomes read-only", () => {
  let disk: FailingDisk;
  beforeEach(async () => {
    disk = await failingDisk();
  });
  afterEach(() => disk.remove());

  it("rejects every write with the reason, allows reads, releases its directory, and keeps acknowledged writes", async () => {
    const path = join(disk.path, "data");
    const environment = await LmdbEnvironment.open(path, SCHEMA);
    const table = environment.table("things");
    const write = (key: string): Promise<void> => {
      environment.writes.put(table, Buffer.from(key), Buffer.alloc(5000, key));
      return environment.writes.flush();
    };
    for (let count = 0; count < 50; count++) await write(`before ${count}`);
    await disk.fail();
    // Later than this after a commit, the file is checked before LMDB is asked.
    const later = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 1000);
    onTestFinished(() => later.mockRestore());
    const failure = { code: "storage_failed", retryable: true, message: `A write failed: read-only file system, ${path}` };
    for (let count = 0; count < 20; count++) await expect(write(`failed ${count}`)).rejects.toMatchObject(failure);
    expect(await environment.checkWrites()).toMatchObject({ ok: false, error: failure });
    expect(Array.from(table.getKeys({}))).toHaveLength(50);
    expect(table.get(Buffer.from("before 49"))).toHaveLength(5000);
    await environment.close();

    await disk.repair();
    await using again = await LmdbEnvironment.open(path, SCHEMA);
    expect(Array.from(again.table("things").getKeys({}))).toHaveLength(50);
    again.writes.put(again.table("things"), Buffer.from("after"), Buffer.of(1));
    await again.writes.flush();
    expect(await again.checkWrites()).toEqual({ ok: true });
  });
});

it.skipIf(process.platform === "win32")("a limit on file sizes fails writes like a full disk does", async () => {
  const directory = await temporaryDirectory();
  // 4096 blocks of 512 bytes. A process limit is reported as EFBIG, and a user's quota as EDQUOT.
  const command = `ulimit -f 4096; exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)("sh", ["-c", command, process.execPath, FILL, directory.path, JSON.stringify(SCHEMA)]);
  const { acknowledged, found, failure } = JSON.parse(stdout) as { acknowledged: string[]; found: string[]; failure: object };
  expect(failure).toMatchObject({ code: "storage_failed", retryable: true, cause: "EFBIG" });
  expect(acknowledged.length).toBeGreaterThan(10);
  expect(found).toEqual(acknowledged.slice(5));
  await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  expect(Array.from(environment.table("things").getKeys({}), (key) => Buffer.from(key).toString())).toEqual(found);
  await directory.remove();
});
