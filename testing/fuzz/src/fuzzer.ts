import { Coverage, type Trace } from "./coverage.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateJson } from "./mutate-json.ts";
import { pick, seededRandom, type Random } from "./random.ts";
import type { Target } from "./target.ts";

/** Inputs between two measurements of memory, and by how much it may have grown since the first one. */
const MEMORY_INTERVAL = 5000;
const MAX_GROWTH = 96 * 1024 * 1024;

/** Something that must not happen, and the input that led to it. */
export interface Fault {
  readonly input: Uint8Array;
  readonly error: unknown;
}

/** Whether inputs ran without a fault. */
export type FuzzResult = { readonly ok: true } | { readonly ok: false; readonly fault: Fault };

export interface FuzzerOptions {
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  /** Called before each input. */
  readonly onInput: (input: Uint8Array) => void;
}

/** Runs inputs, keeps those that reach something new, and changes them. */
export class Fuzzer implements Disposable {
  readonly #target: Target;
  readonly #options: FuzzerOptions;
  readonly #coverage = new Coverage();
  readonly #random: Random;
  readonly #words: readonly string[];
  readonly #kept: Uint8Array[] = [];
  #memory: number | undefined;
  /** An exception or rejection that no caller could catch. */
  #stray: { error: unknown } | undefined;
  readonly #onStray = (error: unknown): void => void (this.#stray ??= { error });
  runs = 0;
  mostWork = 0;

  constructor(target: Target, options: FuzzerOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#words = ["0", ...this.#coverage.words];
    process.on("uncaughtException", this.#onStray).on("unhandledRejection", this.#onStray);
  }

  /** Ends the collection of exceptions that no caller could catch. */
  [Symbol.dispose](): void {
    process.off("uncaughtException", this.#onStray).off("unhandledRejection", this.#onStray);
  }

  /** Inputs that reached something new, in the order in which they did. */
  get kept(): readonly Uint8Array[] {
    return this.#kept;
  }

  get features(): number {
    return this.#coverage.features;
  }

  /** Runs the seeds and the corpus. */
  async start(): Promise<FuzzResult> {
    for (const input of [...this.#target.seeds, ...this.#options.corpus]) {
      const result = await this.run(input);
      if (!result.ok) return result;
    }
    if (this.#kept.length === 0) throw new TypeError("No seed reaches code that is counted");
    return { ok: true };
  }

  /** Runs one changed input. */
  step(): Promise<FuzzResult> {
    const random = this.#random;
    // Later inputs have come further.
    const from = random(2) === 0 ? 0 : Math.max(0, this.#kept.length - 20);
    const input = this.#kept[from + random(this.#kept.length - from)] as Uint8Array;
    const mutate = this.#target.format === "json" ? mutateJson : mutateBytes;
    return this.run(mutate(input, random, { words: this.#words, other: pick(random, this.#kept) }));
  }

  async run(input: Uint8Array): Promise<FuzzResult> {
    const { base, perByte } = this.#target.work;
    this.#options.onInput(input);
    this.#coverage.begin(base + perByte * input.length);
    let failure: { error: unknown } | undefined;
    try {
      await this.#target.run(input);
    } catch (error) {
      failure = { error };
    }
    const { news, work }: Trace = this.#coverage.end();
    if (news > 0) this.#kept.push(input);
    this.mostWork = Math.max(this.mostWork, work);
    // Code under test may have caught what a counter threw.
    if (work > base + perByte * input.length) failure ??= { error: new Error(`An input cost ${work} branches`) };
    failure ??= this.#stray;
    this.#stray = undefined;
    if (++this.runs % MEMORY_INTERVAL === 0) failure ??= this.#checkMemory();
    return failure === undefined ? { ok: true } : { ok: false, fault: { input, error: failure.error } };
  }

  #checkMemory(): { error: unknown } | undefined {
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, external } = process.memoryUsage();
    this.#memory ??= heapUsed + external;
    const growth = heapUsed + external - this.#memory;
    return growth > MAX_GROWTH ? { error: new Error(`Memory grew by ${growth} bytes in ${this.runs} inputs`) } : undefined;
  }
}
