import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { cpuTimeOf } from "./cpu-time.ts";
import { profiles, type Sample } from "./harness.ts";
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

/**
 * Requests before the first measurement, and how long they may take, in milliseconds. V8 compiles the code of two nodes in their first ten
 * thousand requests, which take two to three times as much processor time as later ones.
 */
const WARM_UP = { requests: 10_000, ms: 10_000, stepMs: 1000 };

/** What a role that measures a rate is asked. */
export interface RateQuestion {
  readonly pairs?: number;
  readonly lanes: number;
  readonly durationMs: number;
  readonly length: number;
}

/** The processes of one variant. */
export class Processes {
  readonly #files: URL | undefined;
  readonly #isOther: boolean;
  readonly #workers: Worker[] = [];

  /** @param checkout Default: this one. */
  constructor(checkout?: Checkout) {
    this.#files = checkout?.files;
    this.#isOther = checkout !== undefined && checkout !== CHECKOUTS[0];
  }

  /** Starts a role in a process of its own, and waits until it is ready. */
  async start<Ready>(role: string, argument: unknown = {}): Promise<{ worker: Worker<Ready>; ready: Ready }> {
    const worker = new Worker<Ready>(role, argument, this.#files);
    this.#workers.push(worker);
    return { worker, ready: await worker.ready };
  }

  /** Lets a role make requests until the code on their path is compiled. */
  async warmUp(worker: Worker, question: Omit<RateQuestion, "durationMs">): Promise<void> {
    const until = performance.now() + WARM_UP.ms;
    for (let made = 0; made < WARM_UP.requests && performance.now() < until;) {
      made += ((await worker.ask<number>({ ...question, durationMs: WARM_UP.stepMs })) * WARM_UP.stepMs) / 1000;
    }
  }

  /** Asks a role for a rate, and measures the processor time of all processes for one of what it counts. */
  rate(worker: Worker, question: RateQuestion): Promise<Sample> {
    const measureRate = (): Promise<Sample> => this.#rate(worker, question);
    return profiles === undefined || this.#isOther ? measureRate() : profiles.during(this.#workers, measureRate);
  }

  async #rate(worker: Worker, question: RateQuestion): Promise<Sample> {
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
