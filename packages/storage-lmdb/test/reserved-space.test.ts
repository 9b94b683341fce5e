import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { type FileUse, ReservedSpace } from "../src/reserved-space.ts";
import { type Write } from "@parley/storage";
import { LmdbEnvironment } from "../src/index.ts";

describe("ReservedSpace", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let environment: LmdbEnvironment;
  let path: string;
  let asked: number;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    environment = await LmdbEnvironment.open(join(directory.path, "environment"), { name: "things", schema: 1 });
    path = join(directory.path, "file");
    await writeFile(path, Buffer.alloc(8192));
    asked = 0;
  });
  afterEach(async () => {
    await environment.close();
    await directory.remove();
  });

  const use = (lastPageNumber = 1): FileUse => {
    asked++;
    return { pageSize: 4096, lastPageNumber, pagesOf: () => 1 };
  };
  const row = (bytes: number): readonly Write[] => [
    { table: environment.table("things"), key: Buffer.from("key"), value: Buffer.alloc(bytes) },
  ];

  it("reads the used space once in several commits", async () => {
    const space = await ReservedSpace.open(path);
    for (let count = 0; count < 100; count++) {
      await space.reserve(row(100), use);
      space.committed(true);
    }
    expect(asked).toBeLessThanOrEqual(25);
    await space.close();
  });

  it("asks for it as rarely when the free space suffices for one commit only", async () => {
    const space = await ReservedSpace.open(path);
    await space.reserve(row(100), use);
    // A small commit needs 20 pages, and 32 must remain.
    const lastPageNumber = (await stat(path)).size / 4096 - 60;
    asked = 0;
    for (let count = 0; count < 100; count++) {
      await space.reserve(row(100), () => use(lastPageNumber));
      space.committed(true);
    }
    expect(asked).toBeLessThanOrEqual(25);
    await space.close();
  });

  it("allocates space for each commit, regardless of the size of earlier ones", async () => {
    const space = await ReservedSpace.open(path);
    let lastPageNumber = 1;
    for (let count = 0; count < 50; count++) {
      const bytes = (count * 7919) % 100_000;
      await space.reserve(row(bytes), () => use(lastPageNumber));
      lastPageNumber += Math.ceil(bytes / 4096) + 8;
      expect((await stat(path)).size).toBeGreaterThan((lastPageNumber + 1) * 4096);
      space.committed(true);
    }
    await space.close();
  });

  it("probes the file before the commit that follows a failed one", async () => {
    const space = await ReservedSpace.open(path);
    await space.reserve(row(100), use);
    space.committed(true);
    await space.close();
    space.committed(false);
    await expect(space.reserve(row(100), use)).rejects.toMatchObject({ code: "EBADF" });
  });
});
