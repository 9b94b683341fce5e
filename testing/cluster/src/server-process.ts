import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** What to start. */
export interface ServerCommand {
  /** A command that runs another one on the server's machine; default: this machine. */
  readonly enter?: readonly string[] | undefined;
  /** Path of the program, for Node. */
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Names of the variables that it prints when it is ready. */
  readonly variables: readonly string[];
}

/** How much of the log an error quotes, in characters. */
const KEPT_LOG = 4000;

/** Ended with this process. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A server as a process of its own, so that it can be killed. */
export class ServerProcess {
  /** The values that it has printed, by variable. */
  readonly printed: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, ended: Promise<unknown>, printed: Readonly<Record<string, string>>) {
    this.#child = child;
    this.#ended = ended;
    this.printed = printed;
  }

  /** Resolves when it has printed its variables. @throws Error with its log if it ends before. */
  static async start({ enter = [], program, args, environment, variables }: ServerCommand): Promise<ServerProcess> {
    const [command = "", ...rest] = [...enter, process.execPath, program, ...args];
    const child = spawn(command, rest, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    const ended = once(child, "close").finally(() => running.delete(child));
    let log = "";
    child.stderr.on("data", (data: Buffer) => {
      log = (log + data.toString()).slice(-KEPT_LOG);
    });
    const printed = await readVariables(child.stdout, variables);
    if (variables.some((name) => !(name in printed))) {
      await ended;
      throw new Error(`${program} ${args.join(" ")} ended before it was ready: ${log}`);
    }
    child.stdout.resume();
    return new ServerProcess(child, ended, printed);
  }

  /** The port of an address that it has printed. */
  portOf(variable: string): number {
    return Number(new URL(this.printed[variable] ?? "").port);
  }

  /** Sends a signal. After `SIGKILL` and `SIGTERM`, resolves when the process has ended. */
  async signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    this.#child.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await this.#ended;
  }
}

/** Reads lines `NAME=value` until all are there, or the process ends. */
async function readVariables(output: Readable, names: readonly string[]): Promise<Record<string, string>> {
  const printed: Record<string, string> = {};
  for await (const line of createInterface({ input: output })) {
    const [name = "", value = ""] = line.split(/=(.*)/s);
    printed[name] = value;
    if (names.every((expected) => expected in printed)) break;
  }
  return printed;
}
