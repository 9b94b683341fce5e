// Checks that everything a user installs with one of our packages runs on the Node versions that the package promises (`engines`).
// Run: npm run engines
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { subset } from "semver";
import { members, repository } from "./lib/workspace.mjs";

/** All faults, as sentences with the remedy. `count`: how many packages of others were looked at. */
export function checkEngines(root = repository) {
  const published = members(root).filter(({ group }) => group === "packages");
  const overrides = readOverrides(root);
  const problems = [];
  const seen = new Set();
  for (const { dir, manifest } of published) {
    const promised = manifest.engines?.node;
    if (promised === undefined) {
      problems.push(`${manifest.name} has no "engines". Copy those of another package.`);
      continue;
    }
    for (const { path, dependency } of installedTree(dir)) {
      seen.add(`${dependency.name}@${dependency.version}`);
      const needed = dependency.engines?.node;
      const way = [manifest.name, ...path].join(" → ");
      if (needed !== undefined && !subset(promised, needed)) {
        problems.push(
          `${way} ${dependency.version} needs Node ${needed}, but ${manifest.name} promises ${promised}. Choose another version.`,
        );
      }
      // Users don't get the overrides of this workspace, but they get the versions that a package pins itself.
      const pinned = overrides.get(dependency.name);
      if (
        pinned !== undefined &&
        manifest.dependencies?.[dependency.name] !== pinned &&
        !pinnedOnTheWay(dir, path, dependency.name, pinned)
      ) {
        problems.push(`${way} is overridden here, which users don't get. Add "${dependency.name}": "${pinned}" to the dependencies.`);
      }
    }
  }
  return { problems, count: seen.size };
}

/** Every package of others that is installed with one, once each, and the names that lead to it. */
function* installedTree(dir) {
  const visited = new Set();
  const queue = [{ dir: realpathSync(dir), path: [] }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const manifest = readManifest(next.dir);
    for (const name of dependenciesOf(manifest)) {
      const found = resolvePackage(next.dir, name);
      // An optional dependency of another platform, or an optional peer.
      if (found === undefined || visited.has(found)) continue;
      visited.add(found);
      const path = [...next.path, name];
      yield { path, dependency: readManifest(found) };
      queue.push({ dir: found, path });
    }
  }
}

function dependenciesOf({ dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }) {
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  return new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers]);
}

/** Node's own resolution: the nearest node_modules that has the package. */
function resolvePackage(from, name) {
  for (let dir = from; ; dir = dirname(dir)) {
    const candidate = join(dir, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return realpathSync(candidate);
    if (dir === dirname(dir)) return undefined;
  }
}

/** Whether one of our packages on the way pins the version. */
function pinnedOnTheWay(dir, path, name, version) {
  let at = realpathSync(dir);
  for (const step of path) {
    const found = resolvePackage(at, step);
    if (found === undefined) return false;
    if (readManifest(found).dependencies?.[name] === version) return true;
    at = found;
  }
  return false;
}

function readOverrides(root) {
  const text = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8");
  const block = /^overrides:\n((?: .*\n|\s*#.*\n|\n)*)/m.exec(text)?.[1] ?? "";
  return new Map([...block.matchAll(/^ {2}"?([^":\s]+)"?: "?([^"\s]+)"?$/gm)].map(([, name, version]) => [name, version]));
}

function readManifest(dir) {
  return JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { problems, count } = checkEngines();
  for (const problem of problems) console.error(problem);
  console.log(`${count} packages that users install: ${problems.length} don't run on every Node version that ours promise.`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
