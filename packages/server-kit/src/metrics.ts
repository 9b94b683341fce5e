import { Counter, Gauge, Registry } from "prom-client";

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

  /** @param read called by each scrape. */
  gauge(name: string, help: string, read: () => number): void {
    const collect = function (this: Gauge): void {
      this.set(read());
    };
    void new Gauge({ name: this.#prefix + name, help, registers: [this.registry], collect });
  }
}
