import { MetricSet, WAIT_SECONDS, WORK_SECONDS } from "@parley/server-kit";
import type { MediatorLoad } from "../mediation/mediator.ts";
import type { WriteQueue } from "@parley/storage";
import type { Counter, Histogram } from "prom-client";
import type { UnattendedInboxes } from "../stores.ts";
import { HostLabels } from "./host-labels.ts";

/** Metrics of a node in the text format of Prometheus. Labels come from closed sets, except for hosts of other nodes: see {@link HostLabels}. */
export interface Metrics {
  readonly accepted: Counter;
  /** By `reason`. */
  readonly refused: Counter<"reason">;
  readonly delivered: Counter;
  readonly redelivered: Counter;
  /** By `cause`: `expired` or `unhandled`. */
  readonly dead: Counter<"cause">;
  /** Receipts sent, by `state`. */
  readonly receipts: Counter<"state">;
  readonly malformedFrames: Counter;
  readonly failures: Counter;
  /** Records whose checksum doesn't match. */
  readonly damagedRecords: Counter;
  /** Rejected upgrades, by HTTP `status`. */
  readonly refusedConnections: Counter<"status">;
  /** REST responses, by `method`, `route` (the pattern) and `status`. */
  readonly requests: Counter<"method" | "route" | "status">;
  /** Seconds from the arrival of a message until it was durable. */
  readonly durable: Histogram;
  /** Seconds from the arrival of a message until its agent has settled it. */
  readonly settled: Histogram;
  readonly federation: FederationMetrics;
  /** The exposition text. */
  text(): Promise<string>;
}

/** Metrics of messages between nodes. */
export interface FederationMetrics {
  /** Messages posted by other nodes, by `result`: `accepted`, or the reason of the rejection. */
  readonly received: Counter<"result">;
  readonly sent: Counter;
  readonly retried: Counter;
  /** By `cause`. */
  readonly dead: Counter<"cause">;
  /** A message was accepted by the node of its recipient, this many milliseconds after it was queued. */
  delivered(recipient: string, ageMs: number): void;
}

/** Values read on each scrape. */
export interface Gauges {
  sockets(): number;
  agents(): number;
  inboxMessages(): number;
  /** Absent if the node has its inboxes for itself. */
  readonly unattended?: (() => UnattendedInboxes) | undefined;
  /** Absent if the node is not a mediator. */
  readonly mediator?: (() => MediatorLoad) | undefined;
  clockHeldBackMs(): number;
  outboundMessages(): number;
  /** Sender–recipient pairs blocked by an unreachable node. */
  outboundBlocked(): number;
}

/** Options of {@link createMetrics}. */
interface MetricsOptions {
  /** The writes of the data directory. */
  readonly writes?: Pick<WriteQueue, "onCommitted"> | undefined;
  /** Whether hosts of other nodes are named: not where anyone can read the metrics. */
  readonly namesHosts: boolean;
}

/** Creates the metrics of one node. Nodes in one process share none. */
export function createMetrics(gauges: Gauges, { writes, namesHosts }: MetricsOptions): Metrics {
  const set = new MetricSet("layr8_node_");
  set.gauge("sockets", "WebSockets that are open", gauges.sockets);
  set.gauge("agents", "DIDs with a connection", gauges.agents);
  set.gauge("inbox_messages", "Messages waiting for an acknowledgement", gauges.inboxMessages);
  const { unattended } = gauges;
  if (unattended !== undefined) {
    const help = "Inboxes with messages and without connections that this node looks after";
    set.gauge("unattended_inboxes", help, () => unattended().inboxes);
    set.gauge("unattended_oldest_seconds", "Age of the oldest message in them, to the minute", () => unattended().oldestMs / 1000);
  }
  const { mediator } = gauges;
  if (mediator !== undefined) {
    set.gauge("mediator_dids", "DIDs that agents have registered with the mediator", () => mediator().registeredDids);
    set.gauge("mediator_live_agents", "Agents with live delivery", () => mediator().liveAgents);
    set.gauge("mediator_envelopes", "Envelopes at the mediator that wait for their agents", () => mediator().waitingEnvelopes);
  }
  set.gauge("clock_held_back_ms", "Milliseconds that the wall clock is ahead of the clock used for expiry", gauges.clockHeldBackMs);
  set.gauge("outbound_messages", "Messages waiting for other nodes", gauges.outboundMessages);
  set.gauge("outbound_blocked", "Sender-recipient pairs blocked by an unreachable node", gauges.outboundBlocked);
  const commit = set.histogram("storage_commit_seconds", "Time of one commit to the data directory, with its flush", WORK_SECONDS);
  writes?.onCommitted((ms) => commit.observe(ms / 1000));
  return {
    accepted: set.counter("messages_accepted_total", "Messages accepted from agents"),
    refused: set.counter("messages_refused_total", "Messages rejected, by reason", "reason"),
    delivered: set.counter("messages_delivered_total", "Deliveries to agents, redeliveries included"),
    redelivered: set.counter("messages_redelivered_total", "Deliveries after the first of a message"),
    dead: set.counter("messages_dead_total", "Messages dead-lettered, by cause", "cause"),
    receipts: set.counter("receipts_total", "Receipts sent to the senders of messages, by state", "state"),
    malformedFrames: set.counter("malformed_frames_total", "Frames that could not be read"),
    failures: set.counter("failures_total", "Failures inside the node"),
    damagedRecords: set.counter("damaged_records_total", "Records on disk whose checksum does not match"),
    refusedConnections: set.counter("connections_refused_total", "Connections rejected, by HTTP status", "status"),
    requests: set.counter("rest_requests_total", "REST requests answered, by method, route and HTTP status", "method", "route", "status"),
    durable: set.histogram("message_durable_seconds", "Time from the arrival of a message until it was durable", WORK_SECONDS),
    settled: set.histogram(
      "message_settled_seconds",
      "Time from the arrival of a message until its agent has settled it, of messages that arrived since the start",
      WAIT_SECONDS,
    ),
    federation: federationMetrics(set, new HostLabels(namesHosts)),
    text: () => set.registry.metrics(),
  };
}

function federationMetrics(set: MetricSet, hosts: HostLabels): FederationMetrics {
  const age = set.histogram(
    "federation_queue_seconds",
    "Time that messages waited until another node has accepted them, by host",
    WAIT_SECONDS,
    "host",
  );
  return {
    received: set.counter("federation_received_total", "Messages posted by other nodes, by result", "result"),
    sent: set.counter("federation_sent_total", "Messages accepted by other nodes"),
    retried: set.counter("federation_retries_total", "Delivery attempts to other nodes that will be retried"),
    dead: set.counter("federation_dead_total", "Messages to other nodes that were dead-lettered, by cause", "cause"),
    delivered: (recipient, ageMs) => age.observe({ host: hosts.labelOf(recipient) }, ageMs / 1000),
  };
}
