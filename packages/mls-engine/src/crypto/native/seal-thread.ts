import type { Worker } from "node:worker_threads";
import { deferred, type Deferred } from "@parley/core/internal";
import type { SealAnswer, SealJob } from "./seal-job.ts";

/** More threads than these would help only in trees larger than groups are. */
const MAX_THREADS = 3;
/** How long a thread without work is kept, in milliseconds. */
const IDLE_MS = 10_000;
/** A thread that encrypts with HPKE. It doesn't keep the process running, except while it has a job. */
export class SealThread {
  /** Resolves when it has started; never if it doesn't. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #onEnd: () => void;
  /** In the order in which they were sent, and are answered. */
  #jobs: Deferred<SealAnswer>[] = [];
  #idle: NodeJS.Timeout | undefined;
  #isRunning = true;

  /** @param onEnd called when the thread has ended, on its own or not. */
  constructor(worker: Worker, onEnd: () => void) {
    this.#worker = worker;
    this.#onEnd = onEnd;
    const ready = deferred<void>();
    this.ready = ready.promise;
    worker.once("message", () => {
      ready.resolve();
      worker.on("message", (answer: SealAnswer) => this.#answered(answer));
    });
    // A program that a bundler left out, or a thread that the system refuses.
    worker.on("error", () => this.#ended());
    worker.on("exit", () => this.#ended());
    worker.unref();
    this.#rest();
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Encrypts. `undefined` if it failed, or if the thread has ended: then the job is to be done elsewhere. */
  seal(job: SealJob): Promise<SealAnswer> {
    if (!this.#isRunning) return Promise.resolve(undefined);
    clearTimeout(this.#idle);
    const answer = deferred<SealAnswer>();
    this.#jobs.push(answer);
    this.#worker.ref();
    this.#worker.postMessage(job);
    job.plaintext.fill(0);
    return answer.promise;
  }

  #answered(answer: SealAnswer): void {
    this.#jobs.shift()?.resolve(answer);
    if (this.#jobs.length === 0) this.#rest();
  }

  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#ended();
      this.#worker.postMessage("end");
    }, IDLE_MS).unref();
  }

  #ended(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    clearTimeout(this.#idle);
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.resolve(undefined);
    this.#onEnd();
  }
}

const threads = new Set<SealThread>();
let canStart = true;

/** The threads of this process, one less than it has cores. They are started by the first call. Empty in a runtime without threads. */
export function sealThreads(): Iterable<SealThread> {
  try {
    const { Worker: Thread } = process.getBuiltinModule("node:worker_threads");
    const wanted = Math.min(MAX_THREADS, process.getBuiltinModule("node:os").availableParallelism() - 1);
    while (canStart && threads.size < wanted) start(new Thread(program(), { execArgv: [] }));
  } catch {
    canStart = false;
  }
  return threads;
}

function start(worker: Worker): void {
  // Without it, a program that is missing would be looked for again by each call.
  worker.once("error", () => (canStart = false));
  const thread = new SealThread(worker, () => threads.delete(thread));
  threads.add(thread);
}

/** The program is the built one also where this file runs as a source, which Node can't run. Throws in a bundle of CommonJS. */
function program(): URL {
  const isSource = import.meta.url.endsWith(".ts");
  return new URL(isSource ? "../../../dist/crypto/native/seal-worker.js" : "./seal-worker.js", import.meta.url);
}
