import { Counter, Gauge, Registry } from "prom-client";
import { createFederationMetrics, type FederationMetrics } from "./federation-metrics.ts";

/** Metrics of a node in the text format of Prometheus. Labels come from closed sets, never from peers. */
export interface Metrics {
  readonly accepted: Counter;
  /** By `reason`. */
  readonly refused: Counter<"reason">;
  readonly delivered: Counter;
  readonly redelivered: Counter;
  /** By `cause`: `expired` or `unhandled`. */
  readonly dead: Counter<"cause">;
  readonly malformedFrames: Counter;
  readonly failures: Counter;
  /** Records whose checksum doesn't match. */
  readonly damagedRecords: Counter;
  /** Rejected upgrades, by HTTP `status`. */
  readonly refusedConnections: Counter<"status">;
  /** REST responses, by `method`, `route` (the pattern) and `status`. */
  readonly requests: Counter<"method" | "route" | "status">;
  readonly federation: FederationMetrics;
  /** The exposition text. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Values read on each scrape. */
export interface Gauges {
  sockets(): number;
  agents(): number;
  inboxMessages(): number;
  clockHeldBackMs(): number;
  outboundMessages(): number;
  /** Sender–recipient pairs blocked by an unreachable node. */
  outboundBlocked(): number;
}

/** Creates the metrics of one node. Nodes in one process share none. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name: `layr8_node_${name}`, help, registers });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `layr8_node_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("sockets", "WebSockets that are open", gauges.sockets);
  gauge("agents", "DIDs with a connection", gauges.agents);
  gauge("inbox_messages", "Messages waiting for an acknowledgement", gauges.inboxMessages);
  gauge("clock_held_back_ms", "Milliseconds that the wall clock is ahead of the clock used for expiry", gauges.clockHeldBackMs);
  gauge("outbound_messages", "Messages waiting for other nodes", gauges.outboundMessages);
  gauge("outbound_blocked", "Sender-recipient pairs blocked by an unreachable node", gauges.outboundBlocked);
  return {
    accepted: counter("messages_accepted_total", "Messages accepted from agents"),
    refused: new Counter({
      name: "layr8_node_messages_refused_total",
      help: "Messages rejected, by reason",
      labelNames: ["reason"],
      registers,
    }),
    delivered: counter("messages_delivered_total", "Deliveries to agents, redeliveries included"),
    redelivered: counter("messages_redelivered_total", "Deliveries after the first of a message"),
    dead: new Counter({
      name: "layr8_node_messages_dead_total",
      help: "Messages dead-lettered, by cause",
      labelNames: ["cause"],
      registers,
    }),
    malformedFrames: counter("malformed_frames_total", "Frames that could not be read"),
    failures: counter("failures_total", "Failures inside the node"),
    damagedRecords: counter("damaged_records_total", "Records on disk whose checksum does not match"),
    refusedConnections: new Counter({
      name: "layr8_node_connections_refused_total",
      help: "Connections rejected, by HTTP status",
      labelNames: ["status"],
      registers,
    }),
    requests: new Counter({
      name: "layr8_node_rest_requests_total",
      help: "REST requests answered, by method, route and HTTP status",
      labelNames: ["method", "route", "status"],
      registers,
    }),
    federation: createFederationMetrics(registry),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
