import { contract } from "@parley/skytale-relay/internal";
import { expect, it } from "vitest";
import { createMetrics, metricsText } from "../../src/metrics.ts";
import { encoded, RawStream } from "./raw-stream.ts";
import { CHANNEL, message, payload, RelayHarness } from "./relay-harness.ts";

const OTHER = "acme/team/other";
const MAX = { maxStoredBytesPerAccount: 10_000 };
const LARGE = "x".repeat(4000);

function large(key: string): Uint8Array {
  return encoded(LARGE, { key: payload(key) });
}

it("rejects messages and Welcomes of an account that stores as many bytes as it may over all channels", async () => {
  const metrics = createMetrics({});
  await using harness = new RelayHarness({ limits: MAX, observer: metrics.relay });
  const raw = new RawStream(harness.relay, "mallory");
  raw.publish(CHANNEL, 1, [large("1")]);
  raw.publish(OTHER, 2, [large("2")]);
  raw.publish(OTHER, 3, [large("3")]);
  raw.publish("acme/team/third", 4, [encoded(LARGE, { kind: "welcome", key: payload("4"), recipients: [payload("bob")] })]);
  await raw.until(({ nacks }) => nacks.some(({ number }) => number === 4));
  const nacks = raw.frames.flatMap((frame) => frame.nacks);
  expect(nacks.map(({ number, code }) => [number, code])).toEqual([
    [3, contract.Code.RESOURCE_EXHAUSTED],
    [4, contract.Code.RESOURCE_EXHAUSTED],
  ]);
  expect(await metricsText([await metrics.snapshot()])).toMatch(/^skytale_relay_storage_limit_total 2$/m);
});

it("counts messages that are being written, of all streams of the account", async () => {
  await using harness = new RelayHarness({ limits: MAX });
  const streams = Array.from({ length: 10 }, () => new RawStream(harness.relay, "mallory"));
  for (const [index, raw] of streams.entries()) raw.publish(`acme/team/c${index}`, 1, [large(`${index}`)]);
  await Promise.all(streams.map((raw) => raw.until(({ acks, nacks }) => acks.length + nacks.length > 0)));
  expect(streams.filter((raw) => raw.frames.some(({ acks }) => acks.length > 0))).toHaveLength(2);
});

it("accepts an account's messages again when retention has removed older ones, and those of other accounts at any time", async () => {
  let now = 1000;
  const retention = { maxAgeMs: 1000 };
  await using harness = new RelayHarness({ limits: MAX, logs: { log: { retention, now: () => now } } });
  const mallory = await harness.grpcClient("mallory");
  for (const channel of [CHANNEL, OTHER]) await mallory.publish(channel, message(LARGE));
  const third = mallory.publish(OTHER, message(LARGE));
  const alice = await harness.grpcClient("alice");
  await alice.publish(OTHER, message(LARGE));
  const { storedBytes } = harness.relay.counts;
  expect(storedBytes).toBeGreaterThan(3 * LARGE.length);
  now += 2000;
  await harness.logs.log.expire();
  expect((await third).sequence).toBe(3);
  expect(harness.relay.counts.storedBytes).toBeLessThan(storedBytes / 2);
});
