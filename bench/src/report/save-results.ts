import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
// Not imported after the measurements: Node 20 then sometimes failed to follow the symbolic link to echarts, and didn't find its packages.
import { plotsOf } from "./plot.ts";
import type { BenchResult } from "./results.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** Where results are written. */
export interface ResultFolders {
  readonly json: string;
  readonly svg: string;
}

/** The folders of an ordinary run. */
export const CACHE: ResultFolders = { json: join(repository, ".cache/bench"), svg: join(repository, ".cache/bench") };
/** The folders of `--save`: the documents show these figures. */
export const SAVED: ResultFolders = { json: join(repository, "bench/results"), svg: join(repository, "docs/bench") };

/** Writes the figures of a bench as JSON, and its plots as SVG. Returns the paths. */
export async function saveResults(result: BenchResult, folders: ResultFolders): Promise<readonly string[]> {
  await Promise.all(Object.values(folders).map((folder: string) => mkdir(folder, { recursive: true })));
  const json = join(folders.json, `${result.bench}.json`);
  await writeFile(json, `${JSON.stringify(result, undefined, 2)}\n`);
  const plots = plotsOf(result).map(({ suffix, svg }) => ({
    path: join(folders.svg, `${suffix === "" ? result.bench : `${result.bench}-${suffix}`}.svg`),
    svg,
  }));
  await Promise.all(plots.map(({ path, svg }) => writeFile(path, svg)));
  return [json, ...plots.map(({ path }) => path)];
}
