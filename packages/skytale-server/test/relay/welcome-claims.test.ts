import { LmdbEnvironment } from "@parley/storage-lmdb";
import { expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { openLogs } from "../../src/log/open-logs.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { CHANNEL, payload, RelayHarness } from "./relay-harness.ts";

it("keeps a Welcome for the account that fetched it first, also across a restart of the relay", async () => {
  await using directory = await temporaryDirectory();
  const recipient = payload("bob's key package");
  {
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const logs = openLogs(environment);
    await using harness = new RelayHarness({ log: logs.log, welcomes: logs.welcomes });
    expect(await (await harness.grpcClient("bob")).fetchWelcomes(CHANNEL, [recipient])).toEqual([]);
    const alice = await harness.grpcClient("alice");
    await alice.publishWelcome(CHANNEL, { recipients: [recipient], payload: payload("welcome") });
    await logs.close();
  }
  await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  const logs = openLogs(environment);
  await using harness = new RelayHarness({ log: logs.log, welcomes: logs.welcomes });
  const mallory = await harness.grpcClient("mallory");
  const seen = await mallory.fetchWelcomes(CHANNEL, [recipient]);
  await expect(mallory.ackWelcomes(CHANNEL, seen)).rejects.toMatchObject({ code: "permission_denied" });
  const bob = await harness.grpcClient("bob");
  const own = await bob.fetchWelcomes(CHANNEL, [recipient]);
  expect(own).toHaveLength(1);
  await bob.ackWelcomes(CHANNEL, own);
  await logs.close();
});
