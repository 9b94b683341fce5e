import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measure, type Variant } from "./harness.ts";

/** Runs of a variant in a round; their median counts. */
const RUNS = 9;

const NOTHING = "node alone";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** The published packages are installed here from their tarballs: they are bundled when they are packed. */
const PROJECT = join(REPOSITORY, ".cache", "bench", "imports");

/** How long a process takes that only imports an installed SDK, from its start to its end, compared with one that imports nothing. */
export async function imports(): Promise<void> {
  run(["scripts/packages.mjs", PROJECT], REPOSITORY);
  await measure({
    title: "Import an SDK, in a process of its own",
    unit: "ms",
    baseline: NOTHING,
    variants: [timing(NOTHING, "0"), timing("layr8", `import("layr8")`), timing("skytale", `import("skytale")`)],
  });
}

function timing(name: string, code: string): Variant {
  return { name, run: async () => median(Array.from({ length: RUNS }, () => timeOf(code))) };
}

function timeOf(code: string): number {
  const began = performance.now();
  run(["-e", code], PROJECT);
  return performance.now() - began;
}

function run(args: readonly string[], cwd: string): void {
  const { status } = spawnSync(process.execPath, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
