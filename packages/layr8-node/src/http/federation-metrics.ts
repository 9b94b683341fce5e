import { Counter, type Registry } from "prom-client";

/** Metrics of messages between nodes. Labels come from closed sets, never from peers. */
export interface FederationMetrics {
  /** Messages posted by other nodes, by `result`: `accepted`, or the reason of the rejection. */
  readonly received: Counter<"result">;
  readonly sent: Counter;
  readonly retried: Counter;
  /** By `cause`. */
  readonly dead: Counter<"cause">;
}

export function createFederationMetrics(registry: Registry): FederationMetrics {
  const registers = [registry];
  return {
    received: new Counter({
      name: "layr8_node_federation_received_total",
      help: "Messages posted by other nodes, by result",
      labelNames: ["result"],
      registers,
    }),
    sent: new Counter({ name: "layr8_node_federation_sent_total", help: "Messages accepted by other nodes", registers }),
    retried: new Counter({
      name: "layr8_node_federation_retries_total",
      help: "Delivery attempts to other nodes that will be retried",
      registers,
    }),
    dead: new Counter({
      name: "layr8_node_federation_dead_total",
      help: "Messages to other nodes that were dead-lettered, by cause",
      labelNames: ["cause"],
      registers,
    }),
  };
}
