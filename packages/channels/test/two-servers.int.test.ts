import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { missingNats, startNats, type NatsServers } from "@parley/test-nats";
import { afterAll, beforeAll } from "vitest";
import { serverUnderTest } from "./support/harness.ts";
import { TwoServers } from "./support/two-servers.ts";

// The tests of one server, with two that share their data and a load balancer in front of them. The gate runs a sample.
describeUnless(missingNats(1), "two servers behind a load balancer", async () => {
  let nats: NatsServers;
  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats.stop());
  serverUnderTest.start = TwoServers.starter(() => nats);
  await import("./two-agents.test.ts");
  await import("./manager/grants.test.ts");
  if (gateOrSoak(0, 1) === 0) return;
  await import("./membership.test.ts");
  await import("./rules.test.ts");
  await import("./send-id.test.ts");
  await import("./manager/manager.test.ts");
  await import("./manager/invites.test.ts");
});
