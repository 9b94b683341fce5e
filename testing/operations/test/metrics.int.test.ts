import { readHistogram } from "@parley/test-assertions";
import { beforeAll, describe, expect, it } from "vitest";
import { servedMetrics, type ServedMetrics } from "../src/index.ts";
import { MESSAGES } from "../src/served-metrics.ts";

const WORK = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Number.POSITIVE_INFINITY];
const WAIT = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21_600, 86_400, 604_800, Number.POSITIVE_INFINITY];

const WITH_RECEIPTS = 5;
const MEDIATED = { least: 3, most: 5 };

let served: ServedMetrics;

beforeAll(async () => {
  served = await servedMetrics();
});

describe("histograms of a node", () => {
  it("count each message once when it is durable", () => {
    const { buckets, count, sum } = readHistogram(served.node, "layr8_node_message_durable_seconds");
    expect([...buckets.keys()]).toEqual(WORK);
    // Requests and responses between the two agents here, requests to the other node and its responses, a message without a handler, one for an unknown
    // agent, and the reports of these two. A message with its response and three receipts. The mediator's answers and deliveries.
    expect(count).toBeGreaterThanOrEqual(4 * MESSAGES + 2 + WITH_RECEIPTS + MEDIATED.least);
    expect(count).toBeLessThanOrEqual(4 * MESSAGES + 4 + WITH_RECEIPTS + MEDIATED.most);
    expect(sum).toBeGreaterThan(0);
  });

  it("count each message once when its agent has settled it", () => {
    const { buckets, count, sum } = readHistogram(served.node, "layr8_node_message_settled_seconds");
    expect([...buckets.keys()]).toEqual(WAIT);
    // As above, without the messages that went to the other node.
    expect(count).toBeGreaterThanOrEqual(3 * MESSAGES + 1 + MEDIATED.least);
    expect(count).toBeLessThanOrEqual(3 * MESSAGES + 3 + WITH_RECEIPTS + MEDIATED.most);
    expect(sum).toBeGreaterThan(0);
  });

  it("count messages to another node by its host", () => {
    const { buckets, count, sum } = readHistogram(served.node, "layr8_node_federation_queue_seconds", { host: "beta.localhost" });
    expect([...buckets.keys()]).toEqual(WAIT);
    expect(count).toBe(MESSAGES);
    expect(sum).toBeGreaterThan(0);
  });

  it("count commits to the data directory", () => {
    const { buckets, count, sum } = readHistogram(served.node, "layr8_node_storage_commit_seconds");
    expect([...buckets.keys()]).toEqual(WORK);
    expect(count).toBeGreaterThan(MESSAGES);
    expect(sum).toBeGreaterThan(0);
  });
});

describe("histograms of a skytale server", () => {
  it.each(["skytale_relay_publish_durable_seconds", "skytale_storage_commit_seconds"])("count work: %s", (name) => {
    const { buckets, count, sum } = readHistogram(served.skytale, name);
    expect([...buckets.keys()]).toEqual(WORK);
    expect(count).toBeGreaterThan(MESSAGES);
    expect(sum).toBeGreaterThan(0);
  });
});
