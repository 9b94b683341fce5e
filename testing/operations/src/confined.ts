import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { firstProcessOf, killFirstProcess } from "./namespaces.ts";

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
/** User and group of confined processes. */
const USER = 1000;

/**
 * Builds a root that has the system's programs, the repository's packages as an application, and nothing that can be written to but the data directory and
 * /tmp. Then becomes the command: the first process of its namespace, without any capability.
 *
 * Arguments: the root, the folder of the application and where it appears, the data directory and where it appears, the folder of Node, the user, the command.
 */
const ENTER = `
set -e
root=$1 app=$2 app_at=$3 data=$4 data_at=$5 node=$6 user=$7
shift 7
mount --make-rprivate /
mount -t tmpfs -o mode=755 root "$root"
for folder in bin lib lib64 sbin usr etc; do
  if [ -L "/$folder" ]; then cp -P "/$folder" "$root/$folder"
  elif [ -d "/$folder" ]; then mkdir "$root/$folder"; mount --bind "/$folder" "$root/$folder"; mount -o remount,bind,ro "$root/$folder"; fi
done
mkdir -p "$root/repository" "$root$app_at" "$root$data_at" "$root/node" "$root/proc" "$root/dev" "$root/tmp"
mount --bind "${REPOSITORY}" "$root/repository"; mount -o remount,bind,ro "$root/repository"
mount --bind "$app" "$root$app_at"; mount -o remount,bind,ro "$root$app_at"
mount --bind "$node" "$root/node"; mount -o remount,bind,ro "$root/node"
mount --bind "$data" "$root$data_at"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777,size=16m,noexec,nosuid,nodev tmp "$root/tmp"
mount -o remount,ro "$root"
ip link set lo up
cd "$root"
pivot_root . tmp
umount -l /tmp
mount -t tmpfs -o mode=1777,size=16m,noexec,nosuid,nodev tmp /tmp
cd "$data_at"
exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- env -i PATH=/node:/usr/bin:/bin "$@"
`;

/** How a process is confined. */
export interface Confinement {
  /** Where the application appears, such as `/app`. */
  readonly appAt: string;
  /** The directory that it may write to, and where it appears. */
  readonly data: string;
  readonly dataAt: string;
  /** Runs the command with a program before it, such as `faketime`. Default: none. */
  readonly before?: readonly string[];
}

/** A server that runs confined. */
export interface Confined extends AsyncDisposable {
  /** Its standard output and standard error. */
  readonly output: () => string;
  /** Its line of `/proc/<pid>/status` with a name. */
  status(name: string): Promise<string>;
  /** Runs another command in its namespaces and as its user. Returns its exit code. */
  execute(command: readonly string[]): Promise<number>;
  /** The text at a URL, asked from within. */
  fetchText(url: string): Promise<string>;
  /** Sends SIGTERM and waits. Returns the exit code. */
  terminate(): Promise<number | null>;
}

/** Why {@link startConfined} can't be used here; `undefined` if it can. */
export async function whyNotConfined(): Promise<string | undefined> {
  try {
    await run("unshare", [
      "--mount",
      "--pid",
      "--net",
      "--fork",
      "--mount-proc",
      "--kill-child",
      "sh",
      "-c",
      "ip link set lo up && setpriv --no-new-privs true",
    ]);
    return undefined;
  } catch {
    return "needs root on Linux, with the right to create namespaces, and the programs unshare, ip and setpriv";
  }
}

/** Starts a command under the restrictions of a container: another root, read-only, another user, no capabilities, a network of its own. */
export async function startConfined(command: readonly string[], { appAt, data, dataAt, before = [] }: Confinement): Promise<Confined> {
  const folder = await mkdtemp(join(tmpdir(), "parley-confined-"));
  const [root, app] = [join(folder, "root"), join(folder, "app")];
  await mkdir(root);
  await mkdir(join(app, "node_modules", "@parley"), { recursive: true });
  for (const name of ["layr8-node", "skytale-server"])
    await symlink(`/repository/packages/${name}`, join(app, "node_modules", "@parley", name));
  const script = [root, app, appAt, data, dataAt, dirname(process.execPath), String(USER), ...before, ...command];
  const namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork"];
  const child = spawn("unshare", [...namespaces, "sh", "-c", ENTER, "enter", ...script], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new ConfinedProcess(child, folder, () => output);
}

class ConfinedProcess implements Confined {
  readonly output: () => string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  constructor(child: ChildProcess, folder: string, output: () => string) {
    this.#child = child;
    this.#folder = folder;
    this.output = output;
  }

  async status(name: string): Promise<string> {
    const text = await readFile(`/proc/${await this.#pid()}/status`, "utf8");
    return new RegExp(`^${name}:\\s*(?<value>.*)$`, "m").exec(text)?.groups?.["value"] ?? "";
  }

  async execute(command: readonly string[]): Promise<number> {
    try {
      await run("nsenter", await this.#inside(command));
      return 0;
    } catch (error) {
      return typeof error === "object" && error !== null && "code" in error && typeof error.code === "number" ? error.code : -1;
    }
  }

  async fetchText(url: string): Promise<string> {
    const program = "fetch(process.argv[1]).then((response) => response.text()).then((text) => process.stdout.write(text))";
    const { stdout } = await run("nsenter", await this.#inside(["node", "--eval", program, url]));
    return stdout;
  }

  async terminate(): Promise<number | null> {
    const pid = await this.#pid();
    process.kill(pid, "SIGTERM");
    if (this.#child.exitCode === null) await once(this.#child, "exit");
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      await killFirstProcess(this.#child);
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #pid(): Promise<number> {
    const pid = await firstProcessOf(this.#child);
    if (pid === undefined) throw new Error(`the process has ended: ${this.output()}`);
    return pid;
  }

  async #inside(command: readonly string[]): Promise<readonly string[]> {
    const user = [
      "setpriv",
      "--reuid",
      String(USER),
      "--regid",
      String(USER),
      "--clear-groups",
      "--bounding-set=-all",
      "--no-new-privs",
      "--",
    ];
    return [
      "--target",
      String(await this.#pid()),
      "--mount",
      "--pid",
      "--net",
      "--",
      ...user,
      "env",
      "-i",
      "PATH=/node:/usr/bin:/bin",
      ...command,
    ];
  }
}
