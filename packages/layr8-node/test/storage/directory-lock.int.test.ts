import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDirectory, type DirectoryLock } from "../../src/storage/directory-lock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const HOLD = fileURLToPath(new URL("fixtures/hold-lock.mjs", import.meta.url));

describe("lockDirectory", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());

  it("is refused while another process holds it, and free once that is killed", async () => {
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, [HOLD, directory.path], { stdio: ["ignore", "pipe", "inherit"] });
      const exited = once(child, "exit");
      await once(child.stdout, "data");
      await expect(lockDirectory(directory.path)).rejects.toMatchObject({ code: "data_dir_locked", retryable: true });
      child.kill("SIGKILL");
      await exited;
      const lock = await lockDirectory(directory.path);
      await lock.release();
      await lock.release();
    }
  });

  it("goes to one of many who find a dead holder at once", async () => {
    await (await lockDirectory(directory.path)).release();
    for (let round = 0; round < 10; round++) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory.path)));
      const held = results.flatMap((result): DirectoryLock[] => (result.status === "fulfilled" ? [result.value] : []));
      expect(held).toHaveLength(1);
      const reasons = results.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : []));
      for (const reason of reasons) expect(reason).toMatchObject({ code: "data_dir_locked" });
      await held[0]?.release();
    }
    expect(await readdir(directory.path)).toHaveLength(1);
  });

  it("works in a directory whose path is too long for a socket", async () => {
    const path = join(directory.path, "d".repeat(100), "e".repeat(100));
    await mkdir(path, { recursive: true });
    const lock = await lockDirectory(path);
    await expect(lockDirectory(path)).rejects.toMatchObject({ code: "data_dir_locked" });
    await lock.release();
  });
});
