/** What `scripts/lib/fuzz-counters.mjs` leaves for the fuzzer. */
interface Counters {
  readonly words: ReadonlySet<string>;
  begin(maxWork: number): void;
  end(): { readonly touched: readonly number[]; readonly counts: Uint32Array; readonly work: number };
}

/** What one input did. */
export interface Trace {
  /** Branches taken that no input before has taken, or not about as often. */
  readonly news: number;
  /** Branches taken. */
  readonly work: number;
}

/** Which branches the inputs so far have taken, and about how often in one input. */
export class Coverage {
  readonly #counters: Counters;
  /** For each branch a bit for each range of counts. */
  readonly #seen = new Uint8Array(1 << 18);
  #features = 0;

  constructor() {
    const counters = (globalThis as { fuzzCoverage?: Counters }).fuzzCoverage;
    if (counters === undefined) throw new TypeError("Run this with `node --import ./scripts/lib/fuzz-counters.mjs`");
    this.#counters = counters;
  }

  /** Branches, by ranges of counts, that were taken so far. */
  get features(): number {
    return this.#features;
  }

  get words(): string[] {
    return [...this.#counters.words];
  }

  begin(maxWork: number): void {
    this.#counters.begin(maxWork);
  }

  end(): Trace {
    const { touched, counts, work } = this.#counters.end();
    let news = 0;
    for (const branch of touched) {
      const bit = rangeOf(counts[branch] ?? 0);
      const seen = this.#seen[branch] ?? 0;
      if ((seen & bit) !== 0) continue;
      this.#seen[branch] = seen | bit;
      news++;
    }
    this.#features += news;
    return { news, work };
  }
}

/** 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more. */
function rangeOf(count: number): number {
  if (count <= 3) return 1 << (count - 1);
  if (count < 8) return 8;
  if (count < 16) return 16;
  if (count < 32) return 32;
  return count < 128 ? 64 : 128;
}
