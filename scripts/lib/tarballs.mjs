// Packs the published packages, once for the same contents: a tarball's name in `.cache/packages` ends with a hash of what is in it.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { display, filesBelow, members, repository } from "./workspace.mjs";

const FOLDER = join(repository, ".cache", "packages");
const BUNDLER = readFileSync(join(repository, "scripts", "bundle-package.mjs"));
/** Files that are packed whether "files" in package.json names them or not. */
const ALWAYS = ["package.json", "README.md", "LICENSE", "CHANGELOG.md"];

/** Packs what has changed since it was packed last. Returns all tarballs: `{ name, manifest, path }`. Needs a build. */
export function pack(onProgress = () => undefined) {
  const packages = members().filter(({ group }) => group === "packages");
  // `workspace:` and `catalog:` become versions when a package is packed.
  const versions = [readFileSync(join(repository, "pnpm-workspace.yaml")), ...packages.map(({ manifest }) => manifest.version)].join("\n");
  const tarballs = packages.map(({ dir, manifest }) => ({
    name: manifest.name,
    manifest,
    path: pathOf(manifest, contentHash(dir, manifest, versions)),
  }));
  const missing = tarballs.filter(({ path }) => !existsSync(path));
  if (missing.length > 0) packAnew(missing, onProgress);
  const current = new Set(tarballs.map(({ path }) => path));
  for (const name of readdirSync(FOLDER)) {
    if (name.endsWith(".tgz") && !current.has(join(FOLDER, name))) rmSync(join(FOLDER, name));
  }
  return tarballs;
}

function pathOf({ name, version }, hash) {
  return join(FOLDER, `${plainName(name)}-${version}-${hash}.tgz`);
}

function plainName(name) {
  return name.replace("@", "").replace("/", "-");
}

function contentHash(dir, { files }, versions) {
  const hash = createHash("sha256").update(versions).update(BUNDLER);
  // A bundle is made of `dist` when the package is packed.
  const named = ["dist", ...files.filter((pattern) => !/^!|[*]|^bundle$/.test(pattern))].map((pattern) => join(dir, pattern));
  const paths = [...ALWAYS.map((file) => join(dir, file)), ...named].filter(existsSync).flatMap((path) => {
    return statSync(path).isDirectory() ? filesBelow(path, /(?<!\.tsbuildinfo)$/) : [path];
  });
  for (const path of paths) hash.update(`\n${display(path)}\n`).update(readFileSync(path));
  return hash.digest("hex").slice(0, 12);
}

function packAnew(tarballs, onProgress) {
  onProgress(`packing ${tarballs.length} packages`);
  mkdirSync(FOLDER, { recursive: true });
  const packed = mkdtempSync(join(FOLDER, "new-"));
  try {
    const pnpm = join(repository, "node_modules", "pnpm", "bin", "pnpm.cjs");
    const filters = tarballs.flatMap(({ name }) => ["--filter", name]);
    execFileSync(process.execPath, [pnpm, "-r", ...filters, "pack", "--pack-destination", packed], { cwd: repository, stdio: "pipe" });
    for (const { manifest, path } of tarballs) renameSync(join(packed, `${plainName(manifest.name)}-${manifest.version}.tgz`), path);
  } finally {
    rmSync(packed, { recursive: true, force: true });
  }
}
