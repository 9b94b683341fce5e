import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProgram } from "@parley/test-assertions";
import { App } from "./app.ts";
import { withSkytale } from "./with-skytale.ts";

/** Starts a program of the app by the name of its module in `dist`. */
export type StartProgram = (name: string, ...args: string[]) => Promise<App>;

/**
 * Runs a check of an app's programs with a skytale server and a data directory of their own.
 *
 * @param test `import.meta.url` of the test, in a folder beside `dist`
 */
export async function withSkytalePrograms(
  test: string,
  check: (start: StartProgram, dataDirectory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "parley-app-"));
  try {
    await withSkytale((servers) => {
      const env = { ...servers, SKYTALE_DATA_DIR: directory };
      const start: StartProgram = async (name, ...args) => {
        return new App(await bundleProgram(fileURLToPath(new URL(`../dist/${name}.js`, test))), args, env);
      };
      return check(start, directory);
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}
