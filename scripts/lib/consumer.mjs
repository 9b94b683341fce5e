// A project outside of this repository that uses the packed packages, as a user's does.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { extractBlocks } from "../code-blocks.mjs";
import { childEnvironment } from "./run-program.mjs";
import { repository } from "./workspace.mjs";

/** Where a project keeps the tarballs, so that it doesn't depend on the place of this repository. */
const VENDORED = "parley";
/** Where {@link installedProject} notes its project. */
const PROJECT = join(repository, ".cache", "packages", "project.json");

/**
 * Installs tarballs into a project with npm; creates the project if it is missing. Returns npm's output.
 * @throws Error with npm's output if npm fails
 */
export function install(project, tarballs, npmOptions = []) {
  const folder = join(project, VENDORED);
  mkdirSync(folder, { recursive: true });
  const manifest = join(project, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, `${JSON.stringify({ private: true, type: "module" }, undefined, 2)}\n`);
  const names = tarballs.map(({ path }) => basename(path));
  for (const { path } of tarballs) copyFileSync(path, join(folder, basename(path)));
  const output = npm(project, ["install", "--no-audit", "--no-fund", ...npmOptions, ...names.map((name) => `./${VENDORED}/${name}`)]);
  for (const name of readdirSync(folder)) if (name.endsWith(".tgz") && !names.includes(name)) rmSync(join(folder, name));
  return output;
}

/**
 * An empty project outside of this repository with all tarballs installed, without the install scripts of dependencies. It stays for the next
 * caller with the same tarballs, until {@link removeInstalledProject}.
 * @throws Error with npm's output if npm fails
 */
export function installedProject(tarballs) {
  const key = [process.version, ...tarballs.map(({ path }) => basename(path))].join("\n");
  const kept = existsSync(PROJECT) ? JSON.parse(readFileSync(PROJECT, "utf8")) : undefined;
  if (kept?.key === key && existsSync(kept.path)) return kept.path;
  removeInstalledProject();
  const path = mkdtempSync(join(tmpdir(), "parley-packages-"));
  try {
    install(path, tarballs, ["--engine-strict", "--prefer-offline", "--ignore-scripts"]);
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw error;
  }
  writeFileSync(PROJECT, JSON.stringify({ key, path }));
  return path;
}

export function removeInstalledProject() {
  if (!existsSync(PROJECT)) return;
  rmSync(JSON.parse(readFileSync(PROJECT, "utf8")).path, { recursive: true, force: true });
  rmSync(PROJECT);
}

/** Runs npm in a project. Returns what it printed. @throws Error with its output if it fails */
export function npm(project, args) {
  const windows = process.platform === "win32";
  const { status, stdout, stderr, error } = spawnSync(windows ? "npm.cmd" : "npm", args, {
    cwd: project,
    env: childEnvironment(),
    encoding: "utf8",
    shell: windows,
  });
  if (status !== 0) throw new Error(`npm ${args[0]} failed:\n${error ?? ""}${stdout ?? ""}${stderr ?? ""}`);
  return stdout + stderr;
}

/** The programs that the README says to save: a map from their names to their code. */
export function readmePrograms() {
  const readme = readFileSync(join(repository, "README.md"), "utf8");
  const names = [...readme.matchAll(/Save this as `(\w+\.mjs)`/g)].map(([, name]) => name);
  const blocks = extractBlocks(readme).slice(0, names.length);
  if (names.length === 0 || blocks.length < names.length) throw new Error("README.md has no programs to save");
  return new Map(names.map((name, index) => [name, blocks[index].code.trimStart()]));
}
