import { mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDirectory } from "../../src/directory-lock/index.ts";

describe("createDirectory", () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "create-directory-"));
  });
  afterEach(() => rm(base, { recursive: true, force: true }));

  it("creates missing parents with mode 0700, and returns the topmost", async () => {
    const path = join(base, "a", "語 b", "c".repeat(200));
    expect(await createDirectory(path)).toBe(join(base, "a"));
    for (const each of [path, join(base, "a")]) expect((await stat(each)).mode & 0o777).toBe(0o700);
    expect(await createDirectory(path)).toBeUndefined();
  });

  it("creates one directory for many concurrent callers", async () => {
    const path = join(base, "a", "b", "c");
    await Promise.all(Array.from({ length: 16 }, () => createDirectory(path)));
    expect(await readdir(join(base, "a"))).toEqual(["b"]);
  });

  it.each([
    ["file", "it exists and is not a directory"],
    ["file/below", "a part of the path is not a directory"],
    ["dangling", "it is a symbolic link to something that does not exist"],
    ["x".repeat(300), "the name is too long"],
  ])("names the path and the reason: %s", async (name, reason) => {
    await writeFile(join(base, "file"), "");
    await symlink("nowhere", join(base, "dangling"));
    const path = join(base, name);
    await expect(createDirectory(path)).rejects.toMatchObject({
      code: "unusable",
      message: `${path} cannot be created: ${reason}`,
    });
  });

  it.runIf(process.platform === "linux")("fails instead of hanging if the file system reports ENOENT for every new name", async () => {
    for (const path of ["/proc/foo", "/proc/foo/bar/baz"]) {
      await expect(createDirectory(path)).rejects.toMatchObject({ code: "unusable", message: expect.stringContaining(path) });
    }
  });

  it("accepts a link to a directory", async () => {
    await symlink(base, join(base, "self"));
    expect(await createDirectory(join(base, "self"))).toBeUndefined();
  });
});
