import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPages } from "../src/file-check/check-pages.ts";
import { checkMetaPages } from "../src/file-check/meta-pages.ts";
import { LmdbEnvironment, type LmdbOptions } from "../src/index.ts";
import { fillTables } from "./fill-tables.ts";

const SCHEMA: LmdbOptions = { name: "things", schema: 1 };
const PAGE = 4096;
/** Offset of a page's flags. */
const FLAGS = 18;

describe("checkPages", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let path: string;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    path = join(directory.path, "things.mdb");
  });
  afterEach(() => directory.remove());

  async function check(maxReads = Number.POSITIVE_INFINITY): Promise<void> {
    await using file = await open(path);
    await checkPages(file, path, await checkMetaPages(file, path), maxReads);
  }

  /** Tree pages of the newest state, by their flags. */
  async function damageFlags(flags: number): Promise<number> {
    const content = await readFile(path);
    const newest = content.readBigUInt64LE(152) > content.readBigUInt64LE(PAGE + 152) ? 0 : PAGE;
    const root = Number(content.readBigUInt64LE(newest + 136));
    // The root contains the tables: each node ends with the number of its tree's root page.
    for (let node = 0; node < content.readUInt16LE(root * PAGE + 20) / 2; node++) {
      const at = root * PAGE + 24 + content.readUInt16LE(root * PAGE + 24 + 2 * node);
      const page = Number(content.readBigUInt64LE(at + 8 + content.readUInt16LE(at + 6) + 40));
      if (page >= content.length / PAGE || content.readUInt16LE(page * PAGE + FLAGS) !== flags) continue;
      content[page * PAGE + FLAGS] = 0x40;
      await writeFile(path, content);
      return page;
    }
    throw new Error(`no tree begins with flags ${flags}`);
  }

  it(`accepts the result of random puts, replacements and removals (seed ${SEED})`, async () => {
    const random = randomFrom(SEED);
    for (let round = 0; round < gateOrSoak(3, 100); round++) {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      for (let part = 0; part < 5; part++) {
        await fillTables(environment, random, 5);
        await expect(check()).resolves.toBeUndefined();
      }
    }
  });

  it("names file, page and remedy", async () => {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      await fillTables(environment, randomFrom(1), 10);
    }
    const page = await damageFlags(1);
    await expect(LmdbEnvironment.open(directory.path, SCHEMA)).rejects.toMatchObject({
      code: "data_dir_unusable",
      retryable: false,
      message: `${path} is damaged: page ${page}: its flags are 64, not those of a branch. Restore the data directory from a backup`,
    });
  });

  it("rejects every change of the flags of the tree of free pages", async () => {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      await fillTables(environment, randomFrom(1), 10);
    }
    const intact = await readFile(path);
    const newest = intact.readBigUInt64LE(152) > intact.readBigUInt64LE(PAGE + 152) ? 0 : PAGE;
    for (let bit = 0; bit < 7; bit++) {
      const damaged = Buffer.from(intact);
      damaged.writeUInt16LE(intact.readUInt16LE(newest + 52) ^ (1 << bit), newest + 52);
      await writeFile(path, damaged);
      await expect(check()).rejects.toMatchObject({ code: "data_dir_unusable" });
    }
  });

  it("reads leaf pages up to the limit", async () => {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      environment.writes.put(environment.table("a"), Buffer.from("key"), Buffer.from("value"));
      await environment.writes.flush();
    }
    const page = await damageFlags(2);
    await expect(check(0)).resolves.toBeUndefined();
    await expect(check()).rejects.toMatchObject({ message: expect.stringContaining(`page ${page}: `) });
  });

  it("accepts an empty LMDB file", async () => {
    await (await LmdbEnvironment.open(directory.path, SCHEMA)).close();
    await expect(check()).resolves.toBeUndefined();
  });

  it("rejects a list of free pages that contains a used page", async () => {
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      await fillTables(environment, randomFrom(1), 10);
    }
    const content = await readFile(path);
    const newest = content.readBigUInt64LE(152) > content.readBigUInt64LE(PAGE + 152) ? 0 : PAGE;
    const free = Number(content.readBigUInt64LE(newest + 88));
    const node = free * PAGE + 24 + content.readUInt16LE(free * PAGE + 24);
    // A node's header, its key, the list's length.
    content.writeBigInt64LE(content.readBigInt64LE(newest + 136), node + 8 + 8 + 8);
    await writeFile(path, content);
    await expect(check()).rejects.toMatchObject({ message: expect.stringMatching(/is in use elsewhere or free/) });
  });
});
