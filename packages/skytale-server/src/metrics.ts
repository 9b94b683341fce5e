import { MetricSet, WORK_SECONDS } from "@parley/server-kit";
import type { WriteQueue } from "@parley/storage";
import { AggregatorRegistry, type Counter } from "prom-client";
import type { Published, RelayCounts, RelayObserver } from "./relay/relay-observer.ts";

/** Listeners that count events of the relay. */
interface RelayCounters extends Pick<RelayObserver, "onDelivered" | "onRefused" | "onStorageLimit" | "onLagging"> {
  onPublished(messages: number, bytes: number, about: Pick<Published, "ms">): void;
}

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
  readonly relay: RelayCounters;
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
  /** The writes of the data directory. */
  readonly writes?: Pick<WriteQueue, "onCommitted"> | undefined;
}

/** The exposition text of all processes together. */
export function metricsText(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate(snapshots.map((snapshot) => [...snapshot])).metrics();
}

/** Creates the metrics of one server. Servers in one process share none. */
export function createMetrics({ waiting, clockHeldBackMs, relay, writes }: Gauges): Metrics {
  const set = new MetricSet("skytale_");
  if (waiting !== undefined) set.gauge("api_waiting", "API calls waiting for a notification", waiting);
  if (clockHeldBackMs !== undefined) {
    set.gauge("clock_held_back_ms", "Milliseconds by which the wall clock is ahead of the expiry clock", clockHeldBackMs);
  }
  if (relay !== undefined) {
    set.gauge("relay_streams", "Open client streams", () => relay().streams);
    set.gauge("relay_subscriptions", "Open subscriptions", () => relay().subscriptions);
    set.gauge("relay_channels", "Channels with subscribers", () => relay().channels);
    set.gauge("relay_stored_bytes", "Bytes of messages stored for all accounts", () => relay().storedBytes);
    set.gauge("relay_waiting_bytes", "Bytes waiting to be sent to clients", () => relay().waitingBytes);
  }
  if (writes !== undefined) {
    const commit = set.histogram("storage_commit_seconds", "Time of one commit to the data directory, with its flush", WORK_SECONDS);
    writes.onCommitted((ms) => commit.observe(ms / 1000));
  }
  return {
    requests: set.counter("api_requests_total", "API calls", "method", "route", "status"),
    dropped: set.counter(
      "connections_dropped_total",
      "Dropped connections: silent, unauthenticated, above the share of their address or account, or with too many resets",
      "door",
      "reason",
    ),
    failures: set.counter("server_failures_total", "Failures inside the server"),
    damagedRecords: set.counter("damaged_records_total", "Stored records with a checksum mismatch"),
    relay: relayObserver(set),
    crashes: set.counter("worker_crashes_total", "Worker processes restarted after a crash"),
    snapshot: () => set.registry.getMetricsAsJSON(),
  };
}

function relayObserver(set: MetricSet): Metrics["relay"] {
  const published = set.counter("relay_published_total", "Messages recorded");
  const publishedBytes = set.counter("relay_published_bytes_total", "Bytes of messages recorded");
  const delivered = set.counter("relay_delivered_total", "Messages delivered");
  const deliveredBytes = set.counter("relay_delivered_bytes_total", "Bytes of messages delivered");
  const fellBehind = set.counter("relay_fell_behind_total", "Times that a subscriber lagged and continued from the log");
  const storageLimit = set.counter("relay_storage_limit_total", "Messages rejected by the storage limit of their account");
  const refused = set.counter("relay_refused_total", "Rejections by the relay, by code", "what", "code");
  const durable = set.histogram(
    "relay_publish_durable_seconds",
    "Time from the arrival of messages, by batch, until they were durable",
    WORK_SECONDS,
  );
  return {
    onPublished: (messages, bytes, { ms }) => {
      published.inc(messages);
      publishedBytes.inc(bytes);
      durable.observe(ms / 1000);
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
