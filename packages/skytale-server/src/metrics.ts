import { Counter, Gauge, Registry } from "prom-client";

/** What the server counts, in the text format of Prometheus. Labels come from closed sets, never from clients. */
export interface Metrics {
  /** Where the relay adds its own. */
  readonly registry: Registry;
  /** Calls of the API, by `method`, `route` (the pattern of the path) and `status`. */
  readonly requests: Counter<"method" | "route" | "status">;
  readonly failures: Counter;
  /** The exposition text. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Makes the metrics of one server: servers in one process do not share any. */
export function createMetrics(gauges: { waiting(): number }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const waiting: Gauge = new Gauge({
    name: "skytale_api_waiting",
    help: "Calls that wait for news",
    registers,
    collect: () => waiting.set(gauges.waiting()),
  });
  return {
    registry,
    requests: new Counter({
      name: "skytale_api_requests_total",
      help: "Calls of the API",
      labelNames: ["method", "route", "status"],
      registers,
    }),
    failures: new Counter({ name: "skytale_server_failures_total", help: "Failures inside the server", registers }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
