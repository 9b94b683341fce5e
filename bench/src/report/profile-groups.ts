import { readFileSync } from "node:fs";

/** A CPU profile as V8 writes it. @see {@link https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile | Profile} */
interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } }[];
  readonly samples?: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas?: readonly number[];
}

/** Self time of a group of functions. */
export interface GroupTime {
  readonly group: string;
  /** Microseconds. */
  readonly us: number;
}

/** Self time in profiles, by the package and folder of the function, largest first. Idle time is left out. */
export function groupTimes(paths: readonly string[]): readonly GroupTime[] {
  const times = new Map<string, number>();
  for (const path of paths) {
    const { nodes, samples = [], timeDeltas = [] } = JSON.parse(readFileSync(path, "utf8")) as CpuProfile;
    const groups = new Map(nodes.map(({ id, callFrame }) => [id, groupOf(callFrame)]));
    for (const [index, id] of samples.entries()) {
      const group = groups.get(id);
      if (group !== undefined) times.set(group, (times.get(group) ?? 0) + (timeDeltas[index] ?? 0));
    }
  }
  return Array.from(times, ([group, us]) => ({ group, us })).toSorted((a, b) => b.us - a.us);
}

/** Idle time, and `dispatch`, which starts the profiler. */
const IGNORED: ReadonlySet<string> = new Set(["(idle)", "(root)", "dispatch"]);
const NAMES: ReadonlyMap<string, string> = new Map([
  ["(garbage collector)", "garbage collection"],
  ["(program)", "V8 and Node.js, native"],
]);

function groupOf({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (url === "" && IGNORED.has(functionName)) return undefined;
  if (url === "") return NAMES.get(functionName) ?? `native: ${functionName}`;
  if (url.startsWith("node:")) return /^node:(?:internal\/)?(\w+)/.exec(url)?.[0] ?? url;
  const own = /\/packages\/([^/]+)\/dist\/([^/]+)(\/)?/.exec(url);
  if (own !== null) return own[3] === undefined ? own[1] : `${own[1]}/${own[2]}`;
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? "bench";
}
