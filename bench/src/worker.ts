import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { fileURLToPath } from "node:url";

/** A role in a process of its own, so that roles do not share an event loop. */
export class Worker<Ready = unknown> {
  readonly role: string;
  readonly ready: Promise<Ready>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<never>;

  /**
   * @param role name of its module.
   * @param argument what the role is started with.
   * @param files the folder of the module. Default: the folder of this one.
   */
  constructor(role: string, argument: unknown, files: URL = new URL(".", import.meta.url)) {
    this.role = role;
    this.#process = fork(fileURLToPath(new URL(`${role}.js`, files)), [JSON.stringify(argument)], {
      execArgv: [...process.execArgv, "--expose-gc"],
    });
    this.#exited = once(this.#process, "exit").then(([code]) => Promise.reject(new Error(`The role ended with ${String(code)}`)));
    this.#exited.catch(() => {});
    this.ready = this.#next() as Promise<Ready>;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Asks the role for something; one question at a time. */
  async ask<Answer>(question: unknown): Promise<Answer> {
    const answer = this.#next();
    this.#process.send(question as object);
    return (await answer) as Answer;
  }

  /** Starts a CPU profile of the role's process. */
  async startProfile(): Promise<void> {
    await this.ask({ profile: true } satisfies ProfileCommand);
  }

  /** Ends the profile and writes it to a file, in V8's format. */
  async writeProfile(path: string): Promise<void> {
    await this.ask({ profile: path } satisfies ProfileCommand);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.disconnect();
    await exited;
  }

  async #next(): Promise<unknown> {
    const heard = new AbortController();
    try {
      const [message] = (await Promise.race([once(this.#process, "message", { signal: heard.signal }), this.#exited])) as [unknown];
      return message;
    } finally {
      heard.abort();
    }
  }
}

/** Starts a CPU profile, or writes it to a path. */
interface ProfileCommand {
  readonly profile: true | string;
}

/** Microseconds between two samples of a profile. */
const SAMPLING_US = 200;
let profiler: Session | undefined;

async function profile(command: true | string): Promise<number> {
  if (command === true) {
    profiler = new Session();
    profiler.connect();
    await profiler.post("Profiler.enable");
    await profiler.post("Profiler.setSamplingInterval", { interval: SAMPLING_US });
    await profiler.post("Profiler.start");
  } else if (profiler !== undefined) {
    const { profile: written } = await profiler.post("Profiler.stop");
    profiler.disconnect();
    await writeFile(command, JSON.stringify(written));
  }
  return 0;
}

/** For a role's module: what it was started with. */
export function argument(): unknown {
  return JSON.parse(process.argv[2] ?? "null");
}

/** For a role's module: reports that it is ready, then answers questions. */
export function serve(ready: object, answer: (question: never) => Promise<object | number>): void {
  process.on("message", (question: object) => {
    const answering = "profile" in question ? profile((question as ProfileCommand).profile) : answer(question as never);
    answering.then(
      (value) => process.send?.(value),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.(ready);
}

/** Runs `task` from `lanes` loops for a while; returns how many were done a second. */
export async function rate(lanes: number, durationMs: number, task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let done = 0;
  const lane = async () => {
    while (performance.now() - started < durationMs) {
      await task();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (done / (performance.now() - started)) * 1000;
}

/** For a role's module: bytes that are in use after a garbage collection, in the heap and in buffers. */
export function memoryInUse(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
