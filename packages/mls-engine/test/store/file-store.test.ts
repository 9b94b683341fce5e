import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished, vi } from "vitest";
import { openFileStore } from "../../src/node/index.ts";
import { put, rowsOf } from "./open-files.ts";

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "file-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

it("restricts directory and files to their owner", async () => {
  const above = join(await temporaryDirectory(), "a");
  await mkdir(above);
  await chmod(above, 0o755);
  await (await openFileStore(above)).close();
  expect((await stat(above)).mode & 0o777).toBe(0o700);
  const directory = join(above, "b", "c");
  await using store = await openFileStore(directory, { encryptionKey: randomBytes(32) });
  const partition = await store.open("../../outside");
  await partition.write([put("k", "v"), put("p", "v", true)], "durable");
  await partition.write([put("k", "w")], "durable");
  await partition.compact();
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  const files = (await readdir(directory)).filter((name) => !name.startsWith("lock"));
  expect(files).toHaveLength(4);
  for (const name of files) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
});

it("can be open only once at a time", async () => {
  const directory = await temporaryDirectory();
  const store = await openFileStore(directory);
  await expect(openFileStore(directory)).rejects.toMatchObject({ code: "locked", retryable: true });
  await store.close();
  await (await openFileStore(directory)).close();
});

it("is released after a failed opening", async () => {
  const directory = await temporaryDirectory();
  await (await openFileStore(directory)).close();
  for (let round = 0; round < 2; round += 1) {
    await expect(openFileStore(directory, { encryptionKey: randomBytes(32) })).rejects.toMatchObject({ code: "wrong_key" });
  }
  await (await openFileStore(directory)).close();
});

it("reports an unusable directory", async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, "file"), "");
  await expect(openFileStore(join(directory, "file"))).rejects.toMatchObject({ code: "unusable" });
  await expect(openFileStore(join(directory, "file", "below"))).rejects.toMatchObject({ code: "unusable" });
});

it("rejects a file that is a pipe, which would block the opening, or a link, which the lock does not protect", async () => {
  const directory = await temporaryDirectory();
  const store = await openFileStore(directory);
  await (await store.open("p")).write([put("k", "v")], "durable");
  await store.close();
  const log = (await readdir(directory)).find((name) => name.endsWith(".log")) ?? "";
  const unusable = { code: "unusable", retryable: false };

  await rename(join(directory, log), join(directory, "moved"));
  await symlink("moved", join(directory, log));
  const linked = await openFileStore(directory);
  await expect(linked.open("p")).rejects.toMatchObject(unusable);
  await linked.close();

  await rm(join(directory, log));
  await promisify(execFile)("mkfifo", [join(directory, log)]);
  const piped = await openFileStore(directory);
  await expect(piped.open("p")).rejects.toMatchObject(unusable);
  await piped.close();

  await rm(join(directory, "store"));
  await promisify(execFile)("mkfifo", [join(directory, "store")]);
  await expect(openFileStore(directory)).rejects.toMatchObject(unusable);
});

it.each([
  ["node.mdb", "a layr8 node"],
  ["skytale.mdb", "a skytale server"],
])("rejects a server's data directory, and writes nothing into it: %s", async (file, owner) => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, file), "");
  const message = `${directory} is the data directory of ${owner}: give a skytale agent a directory of its own`;
  await expect(openFileStore(directory)).rejects.toMatchObject({ code: "unusable", message });
  expect((await readdir(directory)).filter((name) => !name.startsWith("lock"))).toEqual([file]);
});

it("rejects invalid delays", async () => {
  for (const flushDelayMs of [-1, Number.NaN, 60_001]) {
    await expect(openFileStore("never used", { flushDelayMs })).rejects.toThrow(TypeError);
  }
});

it("flushes non-durable writes after their delay, or when sixteen are pending", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const directory = await temporaryDirectory();
  await using store = await openFileStore(directory, { flushDelayMs: 50 });
  const partition = await store.open("p");
  const logs = async () => (await readdir(directory)).filter((name) => name.endsWith(".log"));

  await partition.write([put("k", "1")], "soon");
  vi.advanceTimersByTime(49);
  expect(await logs()).toEqual([]);
  vi.advanceTimersByTime(1);
  await expect.poll(logs).toHaveLength(1);

  const size = async () => (await stat(join(directory, (await logs())[0] ?? ""))).size;
  const before = await size();
  for (let index = 0; index < 15; index += 1) await partition.write([put("k", String(index))], "soon");
  expect(await size()).toBe(before);
  await partition.write([put("k", "15")], "soon");
  await expect.poll(size).toBeGreaterThan(before);
});

it("ignores other files in its directory", async () => {
  const directory = await temporaryDirectory();
  const mine = ["notes.txt", "debug.log", "draft.new", "a.b.rows", "store.bak"];
  for (const name of mine) await writeFile(join(directory, name), "mine");
  const store = await openFileStore(directory);
  await (await store.open("p")).write([put("k", "v")], "durable");
  await store.close();
  await (await openFileStore(directory)).close();
  expect(await readdir(directory)).toEqual(expect.arrayContaining(mine));
  await using again = await openFileStore(directory);
  expect(await again.partitions()).toEqual(["p"]);
  expect(rowsOf(await again.open("p"))).toEqual({ k: "v" });
});
