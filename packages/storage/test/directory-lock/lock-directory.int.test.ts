import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDirectory, type DirectoryLock } from "../../src/directory-lock/index.ts";

const IMPORT = fileURLToPath(new URL("../fixtures/import-after-lock.mjs", import.meta.url));
const HOLD = fileURLToPath(new URL("../fixtures/hold-lock.mjs", import.meta.url));

/** Checks that a directory can be locked twice in succession, but not at the same time. */
async function expectLockable(path: string): Promise<void> {
  const lock = await lockDirectory(path);
  const message = `${resolve(path)} is in use by another part of this process (pid ${process.pid})`;
  await expect(lockDirectory(path)).rejects.toMatchObject({ code: "locked", message });
  expect(await readdir(path)).toHaveLength(1);
  await lock.release();
  await (await lockDirectory(path)).release();
}

describe("lockDirectory", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "directory-lock-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("fails while another process holds the lock, and succeeds after that process is killed", async () => {
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, [HOLD, directory], { stdio: ["ignore", "pipe", "inherit"] });
      const exited = once(child, "exit");
      await once(child.stdout, "data");
      const message = `${directory} is in use by another process (pid ${child.pid})`;
      await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "locked", retryable: true, message });
      child.kill("SIGKILL");
      await exited;
      const lock = await lockDirectory(directory);
      await lock.release();
      await lock.release();
    }
  });

  it("succeeds for exactly one of many candidates after the holder was killed", async () => {
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

  describe("paths", () => {
    const long = ["d".repeat(100), "e".repeat(100)];
    const cwd = process.cwd();
    const { TMPDIR } = process.env;
    afterEach(() => {
      process.chdir(cwd);
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
    });

    it.each([
      ["long", join(...long)],
      ["short", "data"],
      ["with spaces and other scripts", "ein Verzeichnis/語 é"],
    ])("locks absolute and relative directories: %s", async (_what, name) => {
      await mkdir(join(directory, name), { recursive: true });
      await expectLockable(join(directory, name));
      process.chdir(directory);
      await expectLockable(name);
      await expectLockable(`./${name}/../${name.split("/").at(-1)}`);
    });

    it("keeps the lock when the working directory changes", async () => {
      const path = join(directory, ...long);
      await mkdir(path, { recursive: true });
      process.chdir(directory);
      const lock = await lockDirectory(join(...long));
      process.chdir("/");
      await expect(lockDirectory(path)).rejects.toMatchObject({ code: "locked" });
      await lock.release();
      await (await lockDirectory(path)).release();
    });

    it.each([
      ["missing", "absent"],
      ["long", long.join("/")],
      ["a file", "file"],
    ])("does not need a usable temporary directory: %s", async (_what, name) => {
      await writeFile(join(directory, "file"), "");
      await mkdir(join(directory, ...long), { recursive: true });
      process.env["TMPDIR"] = join(directory, name);
      await expectLockable(join(directory, ...long));
    });

    it("locks a directory behind a symbolic link", async () => {
      await mkdir(join(directory, "real"));
      await symlink("real", join(directory, "link"));
      const lock = await lockDirectory(join(directory, "link"));
      await expect(lockDirectory(join(directory, "real"))).rejects.toMatchObject({ code: "locked" });
      await lock.release();
    });
  });

  it("creates a socket that only its owner can connect to", async () => {
    const lock = await lockDirectory(directory);
    const [name = ""] = await readdir(directory);
    expect((await lstat(join(directory, name))).mode & 0o777).toBe(0o600);
    await lock.release();
  });

  it("releases a lock while connections to it are open", async () => {
    const lock = await lockDirectory(directory);
    const [name = ""] = await readdir(directory);
    const socket = connect({ path: join(directory, name), allowHalfOpen: true });
    await once(socket, "connect");
    await lock.release();
    socket.destroy();
    await expectLockable(directory);
  });

  it("names the path and the reason when the directory is missing or a file", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    const absent = join(directory, "absent");
    const unusable = { name: "LockError", code: "unusable", retryable: false };
    await expect(lockDirectory(file)).rejects.toMatchObject({ ...unusable, message: `${file} cannot be locked: it is not a directory` });
    await expect(lockDirectory(absent)).rejects.toMatchObject({ ...unusable, message: `${absent} cannot be locked: it does not exist` });
  });

  it("does not change how later imports resolve symbolic links", async () => {
    const [real, link] = [join(directory, "real"), join(directory, "link")];
    await mkdir(real);
    for (const name of ["before.mjs", "after.mjs"]) await writeFile(join(real, name), "export const { url } = import.meta;");
    await symlink(real, link);
    const modules = [join(real, "before.mjs"), join(link, "after.mjs")];
    const { stdout } = await promisify(execFile)(process.execPath, [IMPORT, directory, ...modules]);
    expect(stdout).toBe(pathToFileURL(join(await realpath(real), "after.mjs")).href);
  });
});
