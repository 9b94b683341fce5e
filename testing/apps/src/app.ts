import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** An app in a process of its own, with what it prints. Built apps only: `dist` must be there. */
export class App implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  #wake: (() => void)[] = [];

  /** @param script path of the built module. */
  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#process = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...env }, stdio: "pipe" });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line);
        this.#wakeAll();
      });
    }
    this.#ended = once(this.#process, "close").then(([code]) => {
      this.#wakeAll();
      return code as number | null;
    });
  }

  /** Waits until the app has printed a line that holds `text`. */
  async said(text: string, timeoutMs = 60_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find((line) => line.includes(text));
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0 || this.#process.exitCode !== null) throw new Error(`The app never said "${text}", only:\n${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Types a line. */
  type(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Ends its input, as Ctrl-D does. */
  endInput(): void {
    this.#process.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits for the end of the process. @returns its exit code, `null` when a signal ended it. */
  exit(): Promise<number | null> {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
