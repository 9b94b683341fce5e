import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDirectory, type DirectoryLock } from "../src/index.ts";

const IMPORT = fileURLToPath(new URL("fixtures/import-after-lock.mjs", import.meta.url));
const HOLD = fileURLToPath(new URL("fixtures/hold-lock.mjs", import.meta.url));

describe("lockDirectory", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "directory-lock-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("is refused while another process holds it, and free once that is killed", async () => {
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, [HOLD, directory], { stdio: ["ignore", "pipe", "inherit"] });
      const exited = once(child, "exit");
      await once(child.stdout, "data");
      await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "locked", retryable: true });
      child.kill("SIGKILL");
      await exited;
      const lock = await lockDirectory(directory);
      await lock.release();
      await lock.release();
    }
  });

  it("goes to one of many who find a dead holder at once", async () => {
    await (await lockDirectory(directory)).release();
    for (let round = 0; round < 10; round++) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)));
      const held = results.flatMap((result): DirectoryLock[] => (result.status === "fulfilled" ? [result.value] : []));
      expect(held).toHaveLength(1);
      const reasons = results.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : []));
      for (const reason of reasons) expect(reason).toMatchObject({ code: "locked" });
      await held[0]?.release();
    }
    expect(await readdir(directory)).toHaveLength(1);
  });

  it("works in a directory whose path is too long for a socket", async () => {
    const path = join(directory, "d".repeat(100), "e".repeat(100));
    await mkdir(path, { recursive: true });
    const lock = await lockDirectory(path);
    await expect(lockDirectory(path)).rejects.toMatchObject({ code: "locked" });
    await lock.release();
  });

  it("says that what is no directory can't be locked", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    for (const path of [file, join(directory, "absent")]) {
      await expect(lockDirectory(path)).rejects.toMatchObject({ name: "LockError", code: "unusable", retryable: false });
    }
  });

  it("leaves what is imported afterwards where it is, behind symbolic links too", async () => {
    const [real, link] = [join(directory, "real"), join(directory, "link")];
    await mkdir(real);
    for (const name of ["before.mjs", "after.mjs"]) await writeFile(join(real, name), "export const { url } = import.meta;");
    await symlink(real, link);
    const modules = [join(real, "before.mjs"), join(link, "after.mjs")];
    const { stdout } = await promisify(execFile)(process.execPath, [IMPORT, directory, ...modules]);
    expect(stdout).toBe(pathToFileURL(join(await realpath(real), "after.mjs")).href);
  });
});
