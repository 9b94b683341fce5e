// Which unit tests have a worker of their own: a timer that any module starts while timers are fake never fires afterwards.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const repository = join(import.meta.dirname, "..", "..");

/** Paths, from the root of the repository, of the unit tests that use fake timers. */
export function fakeTimerTests(): string[] {
  return ["packages", "apps", "testing"].flatMap((group) =>
    readdirSync(join(repository, group)).flatMap((member) => testsBelow(`${group}/${member}/test`)),
  );
}

function testsBelow(folder: string): string[] {
  let paths: string[];
  try {
    paths = readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
  return paths
    .filter((path) => path.endsWith(".test.ts") && !/\.(int|site)\.test\.ts$/.test(path))
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => readFileSync(join(repository, path), "utf8").includes("useFakeTimers"));
}
