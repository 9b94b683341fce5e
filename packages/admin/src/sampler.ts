import type { AdminSample, AdminSource } from "@parley/server-kit";

/** The numbers of one second, of all servers. */
export interface TimedSample {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** By name of the server. */
  readonly values: Readonly<Record<string, AdminSample>>;
}

const INTERVAL_MS = 1000;
/** Ten minutes. */
const MAX_SAMPLES = 600;

/** Reads the numbers of all servers once a second, and keeps them for plots. */
export class Sampler {
  readonly #sources: Iterable<AdminSource>;
  readonly #samples: TimedSample[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(sources: Iterable<AdminSource>) {
    this.#sources = sources;
  }

  start(): void {
    this.take();
    this.#timer = setInterval(() => this.take(), INTERVAL_MS).unref();
  }

  /** The samples after a time, oldest first. */
  after(time: number): readonly TimedSample[] {
    return this.#samples.filter((sample) => sample.time > time);
  }

  /** Reads the numbers now. Called by a timer, once a second. */
  take(): void {
    const values: Record<string, AdminSample> = {};
    for (const { name, sample } of this.#sources) if (sample !== undefined) values[name] = sample();
    this.#samples.push({ time: Date.now(), values });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
