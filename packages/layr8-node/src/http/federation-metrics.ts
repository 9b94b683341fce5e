import { Counter, type Registry } from "prom-client";

/** What the node counts of messages between nodes. Labels come from closed sets, never from peers. */
export interface FederationMetrics {
  /** Messages posted by other nodes, by `result`: `accepted`, or why not. */
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
      help: "Messages posted by other nodes, by what became of them",
      labelNames: ["result"],
      registers,
    }),
    sent: new Counter({ name: "layr8_node_federation_sent_total", help: "Messages that other nodes have taken", registers }),
    retried: new Counter({
      name: "layr8_node_federation_retries_total",
      help: "Attempts to reach another node that will be repeated",
      registers,
    }),
    dead: new Counter({
      name: "layr8_node_federation_dead_total",
      help: "Messages for other nodes that came to nothing, by cause",
      labelNames: ["cause"],
      registers,
    }),
  };
}
