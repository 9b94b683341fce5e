import { cpus, totalmem } from "node:os";

/** A result with the processor time that all its processes took for one unit of work, in microseconds; `undefined` where the system doesn't tell. */
export interface Sample {
  readonly value: number;
  readonly cpuUs: number | undefined;
}

/** One thing that is measured: returns a rate, or any number of which the median says something. */
export interface Variant {
  readonly name: string;
  run(): Promise<number | Sample>;
}

/** How a measurement is made and told. */
export interface Measurement {
  readonly title: string;
  readonly unit: string;
  /** The variant that the ratios are relative to. */
  readonly baseline?: string;
  readonly variants: readonly Variant[];
}

/** Rounds of every measurement; the median counts. `BENCH_ROUNDS` overrides it. */
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);

/** Says what machine this is. Absolute figures hold only for it, and drift on a shared one. */
export function introduce(): void {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${memory} GiB. Medians of ${ROUNDS} interleaved rounds.`,
  );
}

/**
 * Measures variants in turns, so that a machine that slows down slows all of them. Prints medians with their spread. A ratio is the median of
 * the ratios of all rounds.
 */
export async function measure({ title, unit, baseline, variants }: Measurement): Promise<void> {
  const results = new Map<string, Sample[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, run } of variants) {
      const sample = await run();
      results.get(name)?.push(typeof sample === "number" ? { value: sample, cpuUs: undefined } : sample);
    }
  }
  const reference = baseline === undefined ? undefined : results.get(baseline);
  console.log(`\n${title} (${unit})`);
  for (const [name, samples] of results) {
    const parts = [describe(samples, reference, ({ value }) => value), baseline];
    const cpu = describe(samples, reference, ({ cpuUs }) => cpuUs);
    if (cpu !== undefined) parts.push(`; CPU per unit, µs: ${cpu}`);
    console.log(`  ${name.padEnd(44)} ${parts.filter((part) => part !== undefined).join(" ")}`);
  }
}

/** Median and spread of one number of all rounds, and of its ratio to the same number of the reference. */
function describe(
  samples: readonly Sample[],
  reference: readonly Sample[] | undefined,
  read: (sample: Sample) => number | undefined,
): string | undefined {
  const values = samples.flatMap((sample) => read(sample) ?? []);
  if (values.length === 0) return undefined;
  const text = `${format(median(values)).padStart(9)} ${spread(values, format)}`;
  const base = reference?.map(read) ?? [];
  const ratios = values.flatMap((value, round) => (base[round] === undefined ? [] : value / base[round]));
  if (ratios.length === 0) return text;
  const formatRatio = (ratio: number): string => ratio.toFixed(2);
  return `${text}   ${formatRatio(median(ratios))} ${spread(ratios, formatRatio)} ×`;
}

function spread(values: readonly number[], write: (value: number) => string): string {
  return `(${write(Math.min(...values))} – ${write(Math.max(...values))})`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}
