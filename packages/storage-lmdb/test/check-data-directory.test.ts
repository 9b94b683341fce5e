import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { checkDataDirectory, LmdbEnvironment } from "../src/index.ts";

const SCHEMA = { name: "things", schema: 1 };

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, "data");
});
afterEach(() => directory.remove());

describe("a directory with the data of another kind of program", () => {
  const NODE = { name: "node", schema: 1 };
  const SERVER = { name: "skytale", schema: 1 };

  it("is rejected in one sentence, and not written to", async () => {
    await (await LmdbEnvironment.open(path, NODE)).close();
    const before = (await readdir(path)).filter((name) => !name.startsWith("lock."));
    const refusal = {
      code: "data_dir_unusable",
      message: `${path} is the data directory of a layr8 node: give a skytale server a directory of its own`,
    };
    await expect(LmdbEnvironment.open(path, SERVER)).rejects.toMatchObject(refusal);
    await expect(checkDataDirectory(path, SERVER)).rejects.toMatchObject(refusal);
    expect((await readdir(path)).filter((name) => !name.startsWith("lock."))).toEqual(before);
    await (await LmdbEnvironment.open(path, NODE)).close();
  });

  it("is rejected if it belongs to an agent", async () => {
    await mkdir(path);
    await writeFile(join(path, "store"), "");
    const message = `${path} is the data directory of a skytale agent: give a layr8 node a directory of its own`;
    await expect(LmdbEnvironment.open(path, NODE)).rejects.toMatchObject({ code: "data_dir_unusable", message });
  });
});

describe("checkDataDirectory", () => {
  it("accepts a data directory and an empty one", async () => {
    await mkdir(path);
    await checkDataDirectory(path, SCHEMA);
    await (await LmdbEnvironment.open(path, SCHEMA)).close();
    await checkDataDirectory(path, SCHEMA);
    await expect(checkDataDirectory(path, { name: "others" })).rejects.toMatchObject({ code: "data_dir_unusable" });
  });

  it("rejects a missing directory, and does not create it", async () => {
    await expect(checkDataDirectory(path, SCHEMA)).rejects.toMatchObject({
      code: "data_dir_unusable",
      message: `${path} is not a data directory: it does not exist. Give the directory with which the server was started, or for a new server make an empty one, of its user and with mode 0700`,
    });
    expect(await readdir(directory.path)).toEqual([]);
  });

  it("rejects a file, and a directory with other files", async () => {
    await writeFile(path, "");
    await expect(checkDataDirectory(path, SCHEMA)).rejects.toMatchObject({
      message: `${path} is not a data directory: it is a file. Give the directory with which the server was started`,
    });
    await expect(checkDataDirectory(directory.path, SCHEMA)).rejects.toMatchObject({
      code: "data_dir_unusable",
      message: `${directory.path} is not a data directory: things.mdb is missing. Give the directory with which the server was started`,
    });
  });
});
