import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const PYTHON = process.env["PARLEY_PYTHON"] ?? "python3";
const CACHE = fileURLToPath(new URL("../../../.cache/python", import.meta.url));
/** No packages of the user or the site: the programs need the standard library only. Byte code is kept apart from the sources. */
const FLAGS = ["-I", "-S", "-X", `pycache_prefix=${CACHE}`];

/** Why the doubles can't run: Python 3.11 or newer is missing. `undefined` if they can. */
export function missingPython(): string | undefined {
  const check = "import sys; sys.exit(sys.version_info < (3, 11))";
  if (spawnSync(PYTHON, [...FLAGS, "-c", check]).status === 0) return undefined;
  return `${PYTHON} is not Python 3.11 or newer; install Debian's python3, or set PARLEY_PYTHON`;
}

/** Something that a double reports: a message that it got, a reconnect. */
export interface DoubleEvent {
  /** The agent, or `node`. */
  readonly from: string;
  readonly event: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A call that a double could not carry out. */
class DoubleCallError extends Error {
  override readonly name = "DoubleCallError";
  /** What the program wrote: `name` of the exception, `message`, and what the node answered, such as `reason` and `code`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(details: Readonly<Record<string, unknown>>) {
    super(`${String(details["name"])}: ${String(details["message"])}`);
    this.details = details;
  }
}

interface Waiter {
  readonly matches: (event: DoubleEvent) => boolean;
  resolve(event: DoubleEvent): void;
  reject(error: Error): void;
}
interface Call {
  resolve(value: unknown): void;
  reject(error: Error): void;
}
type Line =
  | DoubleEvent
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: Record<string, unknown> }
  | { readonly violation: string }
  | { readonly fault: string };

/**
 * A program of doubles. It ends with status 3 at the first violation of the wire; all calls and waits then reject with it, and so does
 * {@link PythonProgram.close}.
 */
export class PythonProgram {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exited: Promise<void>;
  readonly #calls = new Map<number, Call>();
  readonly #waiters = new Set<Waiter>();
  /** Events that no one has taken. */
  #events: DoubleEvent[] = [];
  #failure: Error | undefined;
  #isClosing = false;
  #lastCall = 0;

  constructor(script: string) {
    const path = fileURLToPath(new URL(`../python/${script}`, import.meta.url));
    // -I leaves the script's own folder out of the path.
    const start = `import sys, runpy; sys.path.insert(0, ${JSON.stringify(path.slice(0, -script.length - 1))}); runpy.run_path(${JSON.stringify(path)}, run_name="__main__")`;
    this.#process = spawn(PYTHON, [...FLAGS, "-c", start], { stdio: ["pipe", "pipe", "inherit"] });
    // A program that has ended is reported by its exit.
    this.#process.stdin.on("error", () => {});
    const lines = createInterface(this.#process.stdout);
    lines.on("line", (line) => this.#onLine(JSON.parse(line) as Line));
    const read = new Promise<void>((resolve) => lines.on("close", resolve));
    this.#exited = new Promise<void>((resolve) => {
      this.#process.on("error", (error) => {
        this.#fail(error);
        resolve();
      });
      this.#process.on("exit", (code, signal) => {
        const why = new Error(`the double has ended with ${signal ?? `status ${code}`}`);
        // What it wrote before, such as a violation, comes first.
        resolve(read.then(() => (code !== 0 || !this.#isClosing ? this.#fail(why) : undefined)));
      });
    });
  }

  call(name: string, args: object = {}): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const n = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(n, { resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ n, call: name, args })}\n`);
    });
  }

  /** The first event that matches and has not been taken, also one that has happened before. */
  event(matches: (event: DoubleEvent) => boolean): Promise<DoubleEvent> {
    const index = this.#events.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#events.splice(index, 1)[0] as DoubleEvent);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiters.add({ matches, resolve, reject }));
  }

  /** Events that match and have not been taken. */
  untaken(matches: (event: DoubleEvent) => boolean): readonly DoubleEvent[] {
    return this.#events.filter(matches);
  }

  /** Ends the program. @throws Error if it has seen a violation, or has ended before. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#process.stdin.end();
    await this.#exited;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits for the end of a program that must fail, and returns why. */
  async failure(): Promise<string> {
    await this.#exited;
    return this.#failure?.message ?? "";
  }

  #onLine(line: Line): void {
    if ("violation" in line) this.#fail(new Error(`violation of the wire: ${line.violation}`));
    else if ("fault" in line) this.#fail(new Error(`fault of the double: ${line.fault}`));
    else if ("event" in line) this.#onEvent(line);
    else {
      const call = this.#calls.get(line.call);
      this.#calls.delete(line.call);
      if ("error" in line) call?.reject(new DoubleCallError(line.error));
      else call?.resolve(line.value);
    }
  }

  #onEvent(event: DoubleEvent): void {
    for (const waiter of this.#waiters) {
      if (!waiter.matches(event)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(event);
      return;
    }
    this.#events.push(event);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of [...this.#calls.values(), ...this.#waiters]) reject(this.#failure);
    this.#calls.clear();
    this.#waiters.clear();
  }
}
