import type { FrameStream, RelayError } from "@parley/skytale-relay";
import { encodeClientFrame } from "@parley/skytale-relay/internal";
import { expect, it } from "vitest";
import { DeliveryBudget } from "../../src/relay/delivery-budget.ts";
import { CHANNEL, message, RelayHarness, take } from "./relay-harness.ts";

const LARGE = "x".repeat(100_000);
const CREDIT = 1_000_000_000;

/** A stream whose client reads nothing until `read` is called. */
class UnreadStream implements FrameStream {
  waitingBytes = 0;
  error: RelayError | undefined;

  send(frame: Uint8Array): boolean {
    this.waitingBytes += frame.length;
    return true;
  }

  end(error?: RelayError): void {
    this.error = error;
  }

  pause(): void {
    // Reads nothing.
  }

  resume(): void {
    // Reads nothing.
  }
}

function slowReader(harness: RelayHarness): { readonly stream: UnreadStream; readonly read: () => void; readonly end: () => void } {
  const stream = new UnreadStream();
  const listener = harness.relay.accept("mallory", stream);
  listener.frame(encodeClientFrame({ subscribes: [{ subscription: 1, channel: CHANNEL, from: 1, credit: CREDIT }] }));
  const read = (): void => {
    const bytes = stream.waitingBytes;
    stream.waitingBytes = 0;
    listener.sent?.(bytes);
  };
  return { stream, read, end: () => listener.ended() };
}

it("holds a bounded number of bytes for all slow readers of one account, while it delivers to other accounts", async () => {
  await using harness = new RelayHarness({ limits: { maxWaitingDeliveryBytes: 2_000_000 } });
  const readers = Array.from({ length: 20 }, () => slowReader(harness));
  await expect.poll(() => harness.relay.counts.subscriptions).toBe(20);
  const alice = await harness.grpcClient("alice");
  const received = (await harness.grpcClient("bob")).subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
  for (let number = 0; number < 50; number++) await alice.publish(CHANNEL, message(`${number}${LARGE}`));
  expect(await take(received, 50)).toHaveLength(50);
  const waiting = (): number => readers.reduce((sum, { stream }) => sum + stream.waitingBytes, 0);
  expect(waiting()).toBeGreaterThan(1_000_000);
  // Each stream may exceed the limit by the control frames that open it, the account by one delivery.
  expect(waiting()).toBeLessThan(2_400_000);

  // Every reader gets every message once it reads, although the others of its account took turns with it.
  let read = 0;
  while (read < 20 * 50 * LARGE.length) {
    expect(waiting()).toBeLessThan(2_400_000);
    read += waiting();
    for (const reader of readers) reader.read();
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  for (const reader of readers) reader.end();
  await expect.poll(() => harness.relay.counts.waitingBytes).toBeLessThan(200_000);
});

it("ends a stream that reads nothing when its account's budget is used up, so that the account's other streams continue", async () => {
  await using harness = new RelayHarness({ limits: { maxWaitingDeliveryBytes: 500_000, idleTimeoutMs: 200, accessCheckMs: 20 } });
  const stuck = Array.from({ length: 5 }, () => slowReader(harness));
  const alice = await harness.grpcClient("alice");
  for (let number = 0; number < 10; number++) await alice.publish(CHANNEL, message(`${number}${LARGE}`));
  const client = await harness.grpcClient("mallory", { limits: { pingAfterMs: 50 } });
  const own = client.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
  expect(await take(own, 10)).toHaveLength(10);
  expect(stuck.every(({ stream }) => stream.error?.code === "unavailable")).toBe(true);
});

it("wakes every stream that waits for room of its account", async () => {
  const budget = new DeliveryBudget(1000);
  budget.add("mallory", 1000);
  const woken = new Set<number>();
  for (let index = 0; index < 100; index++) budget.whenRoom("mallory", () => woken.add(index));
  expect(budget.hasRoom("alice")).toBe(true);
  budget.remove("mallory", 1000);
  await expect.poll(() => woken.size).toBe(100);
  expect(budget.total).toBe(0);
});
