import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import type { RelayCounts, RelayObserver } from "./relay/relay-observer.ts";

/** What the server counts, in the text format of Prometheus. Labels come from closed sets, never from clients. */
export interface Metrics {
  /** Calls of the API, by `method`, `route` (the pattern of the path) and `status`. */
  readonly requests: Counter<"method" | "route" | "status">;
  readonly failures: Counter;
  /** Records whose checksum doesn't match. */
  readonly damagedRecords: Counter;
  /** Connections that were dropped, by `door` (api, relay) and `reason`. */
  readonly dropped: Counter<"door" | "reason">;
  /** Counts what the relay does. */
  readonly relay: Omit<RelayObserver, "onFailure" | "onOpened" | "onClosed" | "onWork">;
  /** Worker processes restarted after a crash. */
  readonly crashes: Counter;
  /** All numbers of now, to add to those of other processes. */
  snapshot(): Promise<MetricsSnapshot>;
}

/** The numbers of one process. They can be cloned. */
export type MetricsSnapshot = readonly object[];

/** Sources of gauges, read by each request for metrics. A process omits the gauges of other processes. */
export interface Gauges {
  /** Calls of the API that wait for news. */
  readonly waiting?: () => number;
  readonly clockHeldBackMs?: () => number;
  readonly relay?: () => RelayCounts;
}

/** The exposition text of all processes together. */
export function metricsText(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate(snapshots.map((snapshot) => [...snapshot])).metrics();
}

/** Makes the metrics of one server: servers in one process do not share any. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name: `skytale_${name}`, help, registers });
  const gauge = (name: string, help: string, read: (() => number) | undefined): Gauge | undefined =>
    read &&
    new Gauge({
      name: `skytale_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const { waiting, clockHeldBackMs, relay } = gauges;
  gauge("api_waiting", "API calls waiting for a notification", waiting);
  gauge("clock_held_back_ms", "Milliseconds by which the wall clock is ahead of the expiry clock", clockHeldBackMs);
  gauge("relay_streams", "Open client streams", relay && (() => relay().streams));
  gauge("relay_subscriptions", "Open subscriptions", relay && (() => relay().subscriptions));
  gauge("relay_channels", "Channels with subscribers", relay && (() => relay().channels));
  gauge("relay_stored_bytes", "Bytes of messages stored for all accounts", relay && (() => relay().storedBytes));
  gauge("relay_waiting_bytes", "Bytes waiting to be sent to clients", relay && (() => relay().waitingBytes));
  return {
    requests: new Counter({
      name: "skytale_api_requests_total",
      help: "API calls",
      labelNames: ["method", "route", "status"],
      registers,
    }),
    dropped: new Counter({
      name: "skytale_connections_dropped_total",
      help: "Dropped connections: silent, unauthenticated, above the share of their address or account, or with too many resets",
      labelNames: ["door", "reason"],
      registers,
    }),
    failures: counter("server_failures_total", "Failures inside the server"),
    damagedRecords: counter("damaged_records_total", "Stored records with a checksum mismatch"),
    relay: relayObserver(registers, counter),
    crashes: counter("worker_crashes_total", "Worker processes restarted after a crash"),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}

function relayObserver(
  registers: Registry[],
  counter: (name: string, help: string) => Counter,
): Omit<RelayObserver, "onFailure" | "onOpened" | "onClosed" | "onWork"> {
  const published = counter("relay_published_total", "Messages recorded");
  const publishedBytes = counter("relay_published_bytes_total", "Bytes of messages recorded");
  const delivered = counter("relay_delivered_total", "Messages delivered");
  const deliveredBytes = counter("relay_delivered_bytes_total", "Bytes of messages delivered");
  const fellBehind = counter("relay_fell_behind_total", "Times that a subscriber lagged and continued from the log");
  const storageLimit = counter("relay_storage_limit_total", "Messages rejected by the storage limit of their account");
  const refused = new Counter({
    name: "skytale_relay_refused_total",
    help: "Rejections by the relay, by code",
    labelNames: ["what", "code"],
    registers,
  });
  return {
    onPublished: (messages, bytes) => {
      published.inc(messages);
      publishedBytes.inc(bytes);
    },
    onDelivered: (messages, bytes) => {
      delivered.inc(messages);
      deliveredBytes.inc(bytes);
    },
    onRefused: (what, code) => refused.inc({ what, code }),
    onStorageLimit: (messages) => storageLimit.inc(messages),
    onLagging: () => fellBehind.inc(),
  };
}
