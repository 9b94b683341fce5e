import { expect, it } from "vitest";
import { CHANNEL, message, RelayHarness } from "./relay-harness.ts";

it("closing a client closes its connection, and the relay removes its stream", async () => {
  await using harness = new RelayHarness();
  const client = await harness.grpcClient("alice");
  await client.publish(CHANNEL, message("x"));
  expect(harness.relay.counts.streams).toBe(1);
  await client.close();
  await expect.poll(() => harness.relay.counts.streams).toBe(0);
});
