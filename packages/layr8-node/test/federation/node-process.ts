import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bundleProgram } from "@parley/test-assertions";
import { KEY } from "./pair.ts";

const program = await bundleProgram(fileURLToPath(new URL("../../dist/bin.js", import.meta.url)));

/** A node as a process of its own, so that it can be killed. Needs a build. */
export class NodeProcess {
  readonly #args: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  readonly port: number;
  #process: ChildProcess | undefined;

  /** @param environment variables in addition to those of this process. */
  constructor(port: number, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#environment = environment;
    this.port = port;
    this.#args = ["--port", String(port), "--log", "fatal", ...args];
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/plugin_socket/websocket`;
  }

  /** Resolves once it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [program, ...this.#args], {
      env: { ...process.env, LAYR8_NODE_API_KEY: KEY, ...this.#environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = child;
    for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("LAYR8_NODE_URL=")) return;
    throw new Error("The node did not start");
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}
