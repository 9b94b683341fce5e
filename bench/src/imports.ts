import { spawnSync } from "node:child_process";
import { measure, type Variant } from "./harness.ts";

/** Runs of a variant in a round; their median counts. */
const RUNS = 9;

const NOTHING = "node alone";

/** How long a process takes that only imports an SDK, from its start to its end, compared with one that imports nothing. */
export async function imports(): Promise<void> {
  await measure({
    title: "Import an SDK, in a process of its own",
    unit: "ms",
    baseline: NOTHING,
    variants: [
      timing(NOTHING, "0"),
      timing("layr8", `import("${import.meta.resolve("layr8")}")`),
      timing("skytale", `import("${import.meta.resolve("skytale")}")`),
    ],
  });
}

function timing(name: string, code: string): Variant {
  return { name, run: async () => median(Array.from({ length: RUNS }, () => timeOf(code))) };
}

function timeOf(code: string): number {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, ["-e", code], { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`node -e '${code}' ended with ${status}`);
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
