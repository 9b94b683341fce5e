import { chmod, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDirectory } from "../src/directory-lock/index.ts";
import { checkDirectoryAccess } from "../src/index.ts";

describe.skipIf(process.platform === "win32")("checkDirectoryAccess", () => {
  let parent: string;
  let path: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "storage-"));
    path = join(parent, "data");
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it("accepts a directory that the server has created", async () => {
    await createDirectory(path);
    expect(await checkDirectoryAccess(path)).toEqual({ ok: true });
  });

  it.each([0o755, 0o750, 0o701, 0o770])("warns about the mode %o, and does not change it", async (mode) => {
    await mkdir(path);
    await chmod(path, mode);
    expect(await checkDirectoryAccess(path)).toEqual({
      ok: false,
      warning: expect.stringContaining(`${path} is accessible to other users of this machine (mode 0${mode.toString(8)})`),
    });
    expect((await stat(path)).mode & 0o777).toBe(mode);
  });
});
