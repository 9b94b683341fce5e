// What the workspace consists of, as the checks see it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this repository. */
export const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

const GROUPS = ["packages", "apps", "testing"];

/**
 * All workspace members: `{ group, folder, dir, manifest }`, where `group` is packages, apps, testing or bench.
 * Folders without a package.json are skipped.
 */
export function members(root = repository) {
  const found = [];
  for (const group of GROUPS) {
    const base = join(root, group);
    if (!existsSync(base)) continue;
    for (const entry of readdirSync(base, { withFileTypes: true })) {
      if (entry.isDirectory()) found.push(member(group, entry.name, join(base, entry.name)));
    }
  }
  found.push(member("bench", "bench", join(root, "bench")));
  return found.filter((one) => one !== undefined);
}

function member(group, folder, dir) {
  const file = join(dir, "package.json");
  return existsSync(file) ? { group, folder, dir, manifest: JSON.parse(readFileSync(file, "utf8")) } : undefined;
}

const SKIPPED = new Set(["node_modules", "dist", ".cache", "coverage"]);

/** All files below a folder whose name matches, sorted; none if the folder is missing. */
export function filesBelow(dir, matches) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(path, matches);
      return matches.test(entry.name) ? [path] : [];
    });
}

/** A path as people write it in this repository: relative to its root, with forward slashes. */
export function display(path, root = repository) {
  return relative(root, path).split(sep).join("/");
}

/** The entry points of a package: `{ name, source, types }` for every export that has a source, `index` for ".". */
export function entryPoints({ manifest }) {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    const source = target["@parley/source"];
    if (source === undefined) return [];
    const name = subpath === "." ? "index" : subpath.slice(2).replaceAll("/", "-");
    return [{ name, source, types: target.types }];
  });
}
