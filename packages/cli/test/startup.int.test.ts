import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BIN } from "./parley.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-startup-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** The files that a command loads, as V8 reports them. */
async function loaded(...args: readonly string[]): Promise<string[]> {
  await promisify(execFile)(process.execPath, [BIN, ...args], { env: { ...process.env, NODE_V8_COVERAGE: folder } });
  const [report = ""] = await readdir(folder);
  const { result } = JSON.parse(await readFile(join(folder, report), "utf8")) as { result: { url: string }[] };
  return result.flatMap(({ url }) => (url.startsWith("file:") ? [url.replace(/^.*\/(?=cli\/|node_modules\/)/, "")] : []));
}

it("loads nothing for its help but the command line itself", async () => {
  const files = await loaded("--help");
  const own = ["cli/bin/parley.js", "cli/dist/bin.js", "cli/dist/program.js"];
  expect(files.filter((file) => !file.includes("commander/")).toSorted()).toEqual(own);
});

it("loads for the help of a command its options, and neither its body nor the servers", async () => {
  const files = await loaded("dev", "--help");
  expect(files).toContain("cli/dist/dev/declare-dev.js");
  expect(files).not.toContain("cli/dist/dev/dev.js");
  expect(files.filter((file) => !file.startsWith("cli/") && !file.includes("commander/"))).toEqual([]);
});
