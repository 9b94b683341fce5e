// Provides a nats-server for the tests of @parley/jetstream, and prints its path and version. Nothing is installed on the machine: Debian's
// package is unpacked to `.cache/nats-server`. Run: npm run nats-server
//
// Uses, in this order: a nats-server on PATH that can replicate; the one that was unpacked before; the package of Debian trixie, with package
// lists of its own; the package of the machine's own Debian. The last may be too old for tests with several servers, which are skipped then.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./lib/workspace.mjs";

const CACHE = join(repository, ".cache");
const FOLDER = join(CACHE, "nats-server");
const UNPACKED = join(FOLDER, "usr", "sbin", "nats-server");
/** Older servers lose replicated streams when processes crash. */
const OLDEST_FOR_REPLICAS = "2.10.23";
const TRIXIE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n";
const TIMEOUT_MS = 120_000;

/** The version that a nats-server prints; `undefined` if it can't run. */
function versionOf(command) {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? /v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] : undefined;
}

function isRecent(version) {
  return version !== undefined && version.localeCompare(OLDEST_FOR_REPLICAS, "en", { numeric: true }) >= 0;
}

function run(command, args, cwd) {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: TIMEOUT_MS });
  if (status !== 0) throw new Error(`${command} ${args.at(-2)} ${args.at(-1)} failed: ${error?.message ?? stderr.trim()}`);
}

/** Options of apt-get for trixie, whose lists and settings are in a folder of their own: the machine's are neither used nor changed. */
function trixieOptions(folder) {
  for (const name of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "sources.list"), TRIXIE);
  writeFileSync(join(folder, "status"), "");
  const settings = {
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "APT::Sandbox::User": "",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** Downloads and unpacks the package. @throws Error if apt-get can't get it, or the server doesn't run here. */
function unpack(isTrixie) {
  const folder = join(CACHE, `nats-server-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    const options = isTrixie ? trixieOptions(folder) : [];
    if (isTrixie) run("apt-get", [...options, "-qq", "update"], folder);
    run("apt-get", [...options, "-qq", "download", "nats-server"], folder);
    const file = readdirSync(folder).find((name) => name.endsWith(".deb"));
    if (file === undefined) throw new Error("apt-get downloaded no package");
    const target = join(folder, "unpacked");
    run("dpkg-deb", ["-x", file, target], folder);
    if (versionOf(join(target, "usr", "sbin", "nats-server")) === undefined) throw new Error(`${file} does not run on this machine`);
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(target, FOLDER);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function provide() {
  if (isRecent(versionOf("nats-server"))) return "nats-server";
  if (isRecent(existsSync(UNPACKED) ? versionOf(UNPACKED) : undefined)) return UNPACKED;
  const reasons = [];
  for (const isTrixie of [true, false]) {
    try {
      unpack(isTrixie);
      return UNPACKED;
    } catch (error) {
      reasons.push(error.message);
    }
  }
  if (versionOf("nats-server") !== undefined) return "nats-server";
  throw new Error(`No nats-server: ${reasons.join("; ")}`);
}

try {
  const command = provide();
  console.log(`${command} ${versionOf(command)}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
