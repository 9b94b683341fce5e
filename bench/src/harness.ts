import { Profiles } from "./report/profiles.ts";
import { Recorder, type Figure, type Spread } from "./report/results.ts";

/**
 * A result with the processor time that all its processes took for one unit of work, in microseconds; `undefined` where the system doesn't
 * tell.
 */
export interface Sample {
  readonly value: number;
  readonly cpuUs: number | undefined;
}

/** One thing that is measured: returns a rate, or any number of which the median says something. */
export interface Variant {
  readonly name: string;
  run(): Promise<number | Sample>;
}

/** A measurement, and its printed form. */
export interface Measurement {
  readonly title: string;
  readonly unit: string;
  /** The variant that the ratios are relative to. */
  readonly baseline?: string;
  readonly variants: readonly Variant[];
}

/** One line of a curve. */
export interface CurveVariant {
  readonly name: string;
  /** Measures at a place on the axis. What a run grows for one place stays for the next one. */
  run(at: number): Promise<number>;
}

/** A quantity that grows with another one. */
export interface Curve {
  readonly title: string;
  readonly unit: string;
  /** What grows, such as `members`. */
  readonly axis: string;
  /** Ascending. */
  readonly at: readonly number[];
  readonly variants: readonly CurveVariant[];
}

/** Rounds of every measurement; the median counts. `BENCH_ROUNDS` overrides it. */
export const ROUNDS: number = Number(process.env["BENCH_ROUNDS"] ?? 5);

/** CPU profiles of the roles; `undefined` without `--profile`. */
export let profiles: Profiles | undefined;

/** Profiles what is measured from now on. @param folder where the profiles are written. */
export function startProfiles(folder: string): void {
  profiles = new Profiles(folder);
}

/** The results of this process. */
export const recorder: Recorder = new Recorder();

/**
 * Measures variants in turns, so that a machine that slows down slows all of them. Prints medians with their spread. A ratio is the median
 * of the ratios of all rounds.
 */
export async function measure({ title, unit, baseline, variants }: Measurement): Promise<void> {
  const results = new Map<string, Sample[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, run } of variants) {
      if (profiles !== undefined) profiles.place = `${title}, ${name}`;
      const sample = await run();
      results.get(name)?.push(typeof sample === "number" ? { value: sample, cpuUs: undefined } : sample);
    }
  }
  const reference = baseline === undefined ? undefined : results.get(baseline);
  const figures = Array.from(results, ([name, samples]) => figureOf(name, samples, reference));
  console.log(`\n${title} (${unit})`);
  for (const figure of figures) printFigure(figure, baseline);
  recorder.measurements.push({ title, unit, ...(baseline !== undefined && { baseline }), figures });
}

/** Measures variants at each place of an axis, in turns, and prints medians with their spread. */
export async function measureCurve({ title, unit, axis, at, variants }: Curve): Promise<void> {
  console.log(`\n${title} (${unit})`);
  const series = variants.map(({ name }) => ({ name, points: [] as (Spread & { at: number })[] }));
  for (const place of at) {
    const results = variants.map(() => [] as number[]);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, { run }] of variants.entries()) results[index]?.push(await run(place));
    }
    for (const [index, { name }] of variants.entries()) {
      const spread = spreadOf(results[index] ?? []);
      series[index]?.points.push({ at: place, ...spread });
      printFigure({ name: `${name}, ${place.toLocaleString("en")} ${axis}`, ...spread }, undefined);
    }
  }
  recorder.curves.push({ title, unit, axis, series });
}

function figureOf(name: string, samples: readonly Sample[], reference: readonly Sample[] | undefined): Figure {
  const values = samples.map(({ value }) => value);
  const cpuUs = samples.flatMap((sample) => sample.cpuUs ?? []);
  const ratio = ratiosOf(
    values,
    reference?.map(({ value }) => value),
  );
  const cpuRatio = ratiosOf(
    cpuUs,
    reference?.flatMap((sample) => sample.cpuUs ?? []),
  );
  return {
    name,
    ...spreadOf(values),
    ...(ratio !== undefined && { ratio }),
    ...(cpuUs.length > 0 && { cpuUs: spreadOf(cpuUs) }),
    ...(cpuRatio !== undefined && { cpuRatio }),
  };
}

function ratiosOf(values: readonly number[], base: readonly number[] | undefined): Spread | undefined {
  const ratios = values.flatMap((value, round) => (base?.[round] === undefined ? [] : value / base[round]));
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

function printFigure({ name, ratio, cpuUs, cpuRatio, ...value }: Figure, baseline: string | undefined): void {
  const parts = [write(value, format).padStart(22), ...(ratio === undefined ? [] : [`  ${write(ratio, twoDigits)} × ${baseline ?? ""}`])];
  if (cpuUs !== undefined) parts.push(`; CPU per unit, µs: ${write(cpuUs, format)}`);
  if (cpuRatio !== undefined) parts.push(` ${write(cpuRatio, twoDigits)} ×`);
  console.log(`  ${name.padEnd(44)} ${parts.join("")}`);
}

function write({ median, min, max }: Spread, number: (value: number) => string): string {
  return `${number(median)} (${number(min)} – ${number(max)})`;
}

function spreadOf(values: readonly number[]): Spread {
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values) };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}

function twoDigits(value: number): string {
  return value.toFixed(2);
}
