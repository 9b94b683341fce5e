import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Upper bounds of the buckets of work that a caller waits for, in seconds: from half a millisecond to 10 seconds. */
export const WORK_SECONDS: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Upper bounds of the buckets of waits that may be long, such as for an agent that is away, in seconds: from 5 milliseconds to a week. */
export const WAIT_SECONDS: readonly number[] = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21_600, 86_400, 604_800];

/** Creates the metrics of one server, whose names begin with a prefix. Servers in one process share none. */
export class MetricSet {
  readonly registry: Registry = new Registry();
  readonly #prefix: string;

  /** @param prefix such as `layr8_node_`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @param labelNames their values come from closed sets, never from peers. */
  counter<Label extends string = never>(name: string, help: string, ...labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name: this.#prefix + name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /**
   * A distribution of durations.
   *
   * @param name ends in `_seconds`.
   * @param buckets upper bounds in seconds. The last bucket, without a bound, is added.
   * @param labelNames their number of values is bounded.
   */
  histogram<Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    ...labelNames: readonly Label[]
  ): Histogram<Label> {
    return new Histogram({
      name: this.#prefix + name,
      help,
      labelNames: [...labelNames],
      buckets: [...buckets],
      registers: [this.registry],
    });
  }

  /** @param read called by each scrape. */
  gauge(name: string, help: string, read: () => number): void {
    const collect = function (this: Gauge): void {
      this.set(read());
    };
    void new Gauge({ name: this.#prefix + name, help, registers: [this.registry], collect });
  }
}
