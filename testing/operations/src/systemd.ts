import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { firstProcessOf, killFirstProcess } from "./namespaces.ts";

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Becomes a systemd that knows the units of a folder and nothing else of this machine: it sees empty /run, /tmp and /var/lib, a copy of /etc without
 * the users of the units, and the repository's packages in /opt/parley.
 *
 * Arguments: a folder for files, that of the units, that of Node, the names of the packages.
 */
const ENTER = `
set -e
folder=$1 units=$2 node=$3
shift 3
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/units" "$folder/repository" "$folder/opt" "$folder/node"
mount --bind "${REPOSITORY}" "$folder/repository"
mount --bind "$node" "$folder/node"
cp "$units"/*.service "$folder/units"
cp -a /etc "$folder"
for name in "$@"; do sed -i "/^$name:/d" "$folder"/etc/passwd "$folder"/etc/group "$folder"/etc/*shadow; done
for target in sysinit basic shutdown umount network-online time-sync multi-user default; do echo "[Unit]" > "$folder/units/$target.target"; done
mount -t tmpfs -o mode=755 run /run
mkdir /run/test
mount --rbind "$folder" /run/test
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 state /var/lib
mount -t tmpfs -o mode=755 opt /opt
mkdir -p /opt/parley/node_modules/@parley
for name in "$@"; do ln -s "/run/test/repository/packages/$name" /opt/parley/node_modules/@parley; done
mount --bind /run/test/etc /etc
[ "$(readlink -f /usr/bin/node)" = "$(readlink -f "$node/node")" ] || mount --bind /run/test/node/node /usr/bin/node
ip link set lo up
export container=other SYSTEMD_UNIT_PATH=/run/test/units
exec /lib/systemd/systemd --system --log-target=console --show-status=0
`;

/** Programs and files that {@link Systemd} needs. */
const NEEDED = "root on Linux with the right to create namespaces, systemd, and a /usr/bin/node";

/** A systemd in namespaces of its own, which runs units of this repository. */
export class Systemd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  #output = "";

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** Starts it with the services of a folder, none of which runs. @param names of the packages that they need */
  static async start(units: string, names: readonly string[]): Promise<Systemd> {
    const folder = await mkdtemp(join(tmpdir(), "parley-systemd-"));
    const namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork"];
    const args = [...namespaces, "sh", "-c", ENTER, "enter", folder, units, dirname(process.execPath), ...names];
    return new Systemd(spawn("unshare", args, { stdio: ["ignore", "pipe", "pipe"] }), folder);
  }

  /** Why it can't run here; `undefined` if it can. */
  static async whyNot(): Promise<string | undefined> {
    try {
      await run("/usr/bin/node", ["--version"]);
      await using systemd = await Systemd.start(join(REPOSITORY, "docs", "deploy", "systemd"), []);
      for (let tries = 0; tries < 100 && systemd.#child.exitCode === null; tries++) {
        if ((await systemd.call("systemctl", "is-system-running")).output !== "") return undefined;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } catch {
      // The reason is below.
    }
    return `needs ${NEEDED}`;
  }

  /** What it and its services have printed. */
  get output(): string {
    return this.#output;
  }

  /** Runs a command inside, as root. */
  async call(...command: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    try {
      const target = ["--target", String(await this.#pid()), "--mount", "--pid", "--net", "--ipc", "--cgroup"];
      const { stdout } = await run("nsenter", [...target, "--", ...command]);
      return { code: 0, output: stdout.trim() };
    } catch (error) {
      const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: unknown };
      return { code: typeof code === "number" ? code : -1, output: typeof stdout === "string" ? stdout.trim() : "" };
    }
  }

  /** A property of a unit, as `systemctl show` prints it. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.call("systemctl", "show", "--value", `--property=${property}`, unit)).output;
  }

  /** A line of `/proc/<pid>/status` of the main process of a unit. */
  async status(unit: string, name: string): Promise<string> {
    const { output } = await this.call("grep", `^${name}:`, `/proc/${await this.show(unit, "MainPID")}/status`);
    return output.replace(/^\w+:\s*/, "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killFirstProcess(this.#child);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #pid(): Promise<number> {
    const pid = await firstProcessOf(this.#child);
    if (pid === undefined) throw new Error(`systemd has ended: ${this.#output}`);
    return pid;
  }
}
