import { describe, expect, it } from "vitest";
import { CHANNEL, message, RelayHarness, take, text } from "./relay-harness.ts";

describe.each(["memory", "grpc"])("a relay by %s", (wire) => {
  const clientOf = async (harness: RelayHarness, account: string) =>
    wire === "grpc" ? harness.grpcClient(account) : harness.client(account);

  it("delivers what is published, in order, from the first", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const bob = await clientOf(harness, "bob");
    const { sequence } = await alice.publish(CHANNEL, message("one"));
    expect(sequence).toBe(1);
    const received = bob.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    const published = await Promise.all(["two", "three"].map((content) => alice.publish(CHANNEL, message(content))));
    expect(published).toEqual([{ sequence: 2 }, { sequence: 3 }]);
    const messages = await take(received, 3);
    expect(messages.map(({ sequence, payload }) => [sequence, text(payload)])).toEqual([
      [1, "one"],
      [2, "two"],
      [3, "three"],
    ]);
    expect(harness.failures).toEqual([]);
  });
});
