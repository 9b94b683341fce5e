import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { cpuTimeOf } from "./cpu-time.ts";
import type { Sample } from "./harness.ts";
import { Worker } from "./worker.ts";

/** The built files of another checkout: its variants are measured beside those of this one. `BENCH_AGAINST` is its folder. */
const OTHER_CHECKOUT = process.env["BENCH_AGAINST"];

/** The checkouts whose variants are measured. */
export const CHECKOUTS: readonly Checkout[] = [
  { suffix: "", files: new URL(".", import.meta.url) },
  ...(OTHER_CHECKOUT === undefined ? [] : [{ suffix: ", other", files: pathToFileURL(`${resolve(OTHER_CHECKOUT)}/bench/dist/`) }]),
];

/** Where the roles of a variant are, and the suffix of its name. */
export interface Checkout {
  readonly suffix: string;
  readonly files: URL;
}

/** The processes of one variant. */
export class Processes {
  readonly #files: URL | undefined;
  readonly #workers: Worker[] = [];

  /** @param checkout Default: this one. */
  constructor(checkout?: Checkout) {
    this.#files = checkout?.files;
  }

  /** Starts a role in a process of its own, and waits until it is ready. */
  async start<Ready>(role: string, argument: unknown = {}): Promise<{ worker: Worker<Ready>; ready: Ready }> {
    const worker = new Worker<Ready>(role, argument, this.#files);
    this.#workers.push(worker);
    return { worker, ready: await worker.ready };
  }

  /** Asks a role for a rate, and measures the processor time of all processes for one of what it counts. */
  async rate(worker: Worker, question: unknown): Promise<Sample> {
    const [startedAt, before] = [performance.now(), this.#cpuUs()];
    const value = await worker.ask<number>(question);
    const count = (value * (performance.now() - startedAt)) / 1000;
    const after = this.#cpuUs();
    return { value, cpuUs: before === undefined || after === undefined ? undefined : (after - before) / count };
  }

  /** Stops the roles, the last one first. */
  async stop(): Promise<void> {
    for (const worker of this.#workers.toReversed()) await worker.stop();
  }

  #cpuUs(): number | undefined {
    return cpuTimeOf(this.#workers.map(({ pid }) => pid));
  }
}
