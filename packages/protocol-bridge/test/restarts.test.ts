import { Protocol } from "@parley/envelope-and-adapters";
import { gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { ProtocolBridge } from "../src/index.ts";
import { a2aText, text } from "./support/messages.ts";
import { killable } from "./support/killable.ts";
import { take, world } from "./support/world.ts";

const { A2A, SLIM } = Protocol;
const MESSAGES = gateOrSoak(2000, 100_000);

describe(`${MESSAGES} messages across random restarts of the bridge (seed ${SEED})`, () => {
  it.each(["stopped", "killed"] as const)("are forwarded once and in order when the bridge is %s", async (how) => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    const [source, target] = [await manager.open("org/n/in"), await manager.open("org/n/out")];
    const inbound = (await bob.open("org/n/out")).receive();
    const arrived = take(inbound, MESSAGES);
    const state = { isDone: false };
    void arrived.then(() => (state.isDone = true));

    const sendAll = async (): Promise<void> => {
      const port = await alice.open("org/n/in");
      for (let index = 0; index < MESSAGES; index++) {
        await port.send(a2aText(`${index}`));
        if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };

    const random = randomFrom(SEED);
    let sending: Promise<void> | undefined;
    let runs = 0;
    while (!state.isDone) {
      runs += 1;
      const killed = killable(target);
      const bridge = new ProtocolBridge(manager);
      const running = await bridge.bridge({ name: "org/n/in", port: source }, { name: "org/n/out", port: killed.port }, A2A, SLIM);
      // Only now: the first bridge loads its modules, and all messages would arrive in one run.
      sending ??= sendAll();
      const share = 1 + random(MESSAGES / 25);
      while (!state.isDone && running.counters.forwarded < share) await new Promise((resolve) => setImmediate(resolve));
      if (how === "killed") killed.kill();
      const stopped = bridge.stop();
      // Of a killed one, sends in flight never resolve.
      if (how === "stopped") await stopped;
    }
    await sending;
    const got = (await arrived).map(({ envelope }) => text(envelope));
    expect(runs).toBeGreaterThan(10);
    expect(got).toEqual(Array.from({ length: MESSAGES }, (_, index) => `${index}`));
    // The next message is the one sent here, so no duplicates follow.
    await (await manager.open("org/n/out")).send(a2aText("end"));
    expect((await inbound.next()).value?.envelope.protocol).toBe(A2A);
  });
});
