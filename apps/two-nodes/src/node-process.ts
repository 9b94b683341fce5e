import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("bin/layr8-node.js", import.meta.resolve("@parley/layr8-node/package.json")));

/** A node in a child process, so that it can be killed. */
export class NodeProcess {
  readonly nodeUrl: string;
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  constructor(port: number, apiKey: string, args: readonly string[]) {
    this.nodeUrl = `ws://127.0.0.1:${port}/plugin_socket/websocket`;
    this.#args = ["--port", String(port), "--log", "fatal", ...args];
    this.#env = { ...process.env, LAYR8_NODE_API_KEY: apiKey };
  }

  /** Resolves once agents can connect. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [bin, ...this.#args], { env: this.#env, stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("LAYR8_NODE_URL=")) return;
    throw new Error("The node did not start");
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}
