import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** An agent in a child process, so that it can be killed. */
export class ChildAgent {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #exited: Promise<unknown>;
  #wake: () => void = () => {};

  constructor(env: NodeJS.ProcessEnv) {
    const script = fileURLToPath(new URL("durable-agent.js", import.meta.url));
    this.#process = spawn(process.execPath, [script], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
    this.#exited = once(this.#process, "close").then(() => this.#wake());
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
  }

  /** Waits for a line that the agent prints. */
  async said(line: string, timeoutMs = 15_000): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    while (!this.#lines.some((said) => said.startsWith(line))) {
      if (deadline.aborted || this.#process.exitCode !== null)
        throw new Error(`The agent did not print "${line}", only: ${this.#lines.join(", ")}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** Waits until the process ends. @returns the signal that ended it. */
  async exit(): Promise<NodeJS.Signals | null> {
    await this.#exited;
    return this.#process.signalCode;
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.#exited;
  }
}
