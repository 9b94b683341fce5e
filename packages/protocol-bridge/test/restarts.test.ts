import { Protocol } from "@parley/envelope-and-adapters";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { ProtocolBridge } from "../src/index.ts";
import { a2aText, text } from "./support/messages.ts";
import { mortal } from "./support/mortal.ts";
import { take, world } from "./support/world.ts";

const { A2A, SLIM } = Protocol;
const MESSAGES = gateOrSoak(2000, 100_000);

describe(`${MESSAGES} messages through a bridge that is restarted at random points`, () => {
  it.each(["stopped", "killed"] as const)("when %s: none is lost, none doubled, all in order", async (how) => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    const [source, target] = [await manager.open("org/n/in"), await manager.open("org/n/out")];
    const inbound = (await bob.open("org/n/out")).receive();
    const arrived = take(inbound, MESSAGES);
    const over = { is: false };
    void arrived.then(() => (over.is = true));

    const sending = (async () => {
      const port = await alice.open("org/n/in");
      for (let index = 0; index < MESSAGES; index++) {
        await port.send(a2aText(`${index}`));
        if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();

    let lives = 0;
    while (!over.is) {
      lives += 1;
      const life = mortal(target);
      const bridge = new ProtocolBridge(manager);
      const running = await bridge.bridge({ name: "org/n/in", port: source }, { name: "org/n/out", port: life.port }, A2A, SLIM);
      const share = 1 + Math.floor((Math.random() * MESSAGES) / 25);
      for (let turn = 0; turn < 10_000 && !over.is && running.counters.forwarded < share; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (how === "killed") life.kill();
      await Promise.race([bridge.stop(), new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    await sending;
    const got = (await arrived).map(({ envelope }) => text(envelope));
    expect(lives).toBeGreaterThan(10);
    expect(got).toEqual(Array.from({ length: MESSAGES }, (_, index) => `${index}`));
    // Nothing comes after the last.
    await (await manager.open("org/n/out")).send(a2aText("end"));
    expect((await inbound.next()).value?.envelope.protocol).toBe(A2A);
  });
});
