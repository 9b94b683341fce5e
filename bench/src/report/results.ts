/** Median and range of all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The result of one variant. */
export interface Figure extends Spread {
  readonly name: string;
  /** Divided by the baseline in the same round. */
  readonly ratio?: Spread;
  /** Processor time of all processes for one unit of work, in microseconds. */
  readonly cpuUs?: Spread;
  /** {@link Figure.cpuUs} divided by that of the baseline in the same round. */
  readonly cpuRatio?: Spread;
}

/** Variants that were measured side by side. */
export interface MeasurementResult {
  readonly title: string;
  readonly unit: string;
  readonly baseline?: string;
  readonly figures: readonly Figure[];
}

/** A quantity that grows with another one. */
export interface CurveResult {
  readonly title: string;
  readonly unit: string;
  /** What grows, such as `members`. */
  readonly axis: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (Spread & { readonly at: number })[];
  }[];
}

/** The machine of a run. Absolute figures hold for it only. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Load of the last minute at the start of the run. */
  readonly load: number;
}

/** All results of one bench, as they are written to its JSON file. */
export interface BenchResult {
  readonly bench: string;
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly measurements: readonly MeasurementResult[];
  readonly curves: readonly CurveResult[];
}

/** Collects the results of a bench while it runs. */
export class Recorder {
  readonly measurements: MeasurementResult[] = [];
  readonly curves: CurveResult[] = [];

  /** Returns the recorded results, and removes them. */
  take(): Pick<BenchResult, "measurements" | "curves"> {
    return { measurements: this.measurements.splice(0), curves: this.curves.splice(0) };
  }
}
