// Runtimes other than the present one, from the npm registry, kept in `.cache/runtimes` by version.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npm } from "./consumer.mjs";
import { repository } from "./workspace.mjs";

const FOLDER = join(repository, ".cache", "runtimes");
const { platform, arch } = process;
const NODE_PACKAGE = `node-${platform === "win32" ? "win" : platform}-${arch}`;

/** The packages that hold the binaries; those named `node`, `bun` and `deno` fetch them in install scripts. */
const SOURCES = {
  node: { package: NODE_PACKAGE, binary: "bin/node" },
  bun: { package: `@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}`, binary: "bin/bun" },
  deno: { package: `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`, binary: "deno" },
};

/** What is checked: the newest release of each line. `too old`: what must be refused with one sentence. */
export const RUNTIMES = [
  { name: "Node 18", kind: "node", range: "18", isTooOld: true },
  { name: "Node 20", kind: "node", range: "20" },
  { name: "Node 22", kind: "node", range: "22" },
  { name: "Node 24", kind: "node", range: "24" },
  { name: "Node 26", kind: "node", range: "26" },
  { name: "Bun", kind: "bun", range: "latest" },
  { name: "Deno", kind: "deno", range: "latest" },
];

/**
 * The newest release of a runtime: `{ version, command }`, where `command` is the binary and the arguments that run a file. Without the
 * registry, the newest one that was downloaded before.
 * @throws Error if there is neither
 */
export function provide({ kind, range }) {
  const source = SOURCES[kind];
  const version = newest(source.package, range) ?? downloaded(kind, range);
  if (version === undefined) throw new Error(`${source.package}@${range}: npm can't reach its registry, and none was downloaded before`);
  const folder = join(FOLDER, `${kind}-${version}`);
  const binary = join(folder, "node_modules", source.package, source.binary);
  if (!existsSync(binary)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    npm(folder, ["install", "--no-audit", "--no-fund", "--ignore-scripts", `${source.package}@${version}`]);
    chmodSync(binary, 0o755);
  }
  return { version, command: kind === "deno" ? [binary, "run", "--allow-all", "--quiet"] : [binary] };
}

function newest(name, range) {
  try {
    const answer = JSON.parse(npm(repository, ["view", `${name}@${range}`, "version", "--json", "--fetch-retries=1", "--loglevel=silent"]));
    return [answer].flat().toSorted(compareVersions).at(-1);
  } catch {
    return undefined;
  }
}

function downloaded(kind, range) {
  if (!existsSync(FOLDER)) return undefined;
  const versions = readdirSync(FOLDER).flatMap((name) => (name.startsWith(`${kind}-`) ? [name.slice(kind.length + 1)] : []));
  return versions
    .filter((version) => range === "latest" || version.startsWith(`${range}.`))
    .toSorted(compareVersions)
    .at(-1);
}

function compareVersions(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}
