import { cpus, totalmem } from "node:os";

/** One thing that is measured: returns a rate, or any number of which the median says something. */
export interface Variant {
  readonly name: string;
  run(): Promise<number>;
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

/** Measures variants in turns, so that a machine that slows down slows all of them, and prints medians with their spread. */
export async function measure({ title, unit, baseline, variants }: Measurement): Promise<void> {
  const results = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, run } of variants) results.get(name)?.push(await run());
  }
  const reference = baseline === undefined ? undefined : median(results.get(baseline) ?? []);
  console.log(`\n${title} (${unit})`);
  for (const [name, values] of results) {
    const sorted = values.toSorted((a, b) => a - b);
    const ratio = reference === undefined ? "" : `   ${(median(values) / reference).toFixed(2)} × ${baseline}`;
    console.log(
      `  ${name.padEnd(44)} ${format(median(values)).padStart(9)}   (${format(sorted[0] ?? 0)} – ${format(sorted.at(-1) ?? 0)})${ratio}`,
    );
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}
