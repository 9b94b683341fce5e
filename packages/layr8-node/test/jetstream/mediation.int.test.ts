import { describeUnless } from "@parley/test-assertions";
import { HoldingProxy, missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { NodeProcess } from "../federation/node-process.ts";
import { KEY } from "../federation/pair.ts";
import { RawAgent } from "../raw-agent.ts";
import {
  type Answer,
  ask,
  BOB,
  CHILD,
  contentsOf,
  COORDINATION,
  forward,
  idsOf,
  join,
  MEDIATOR,
  PHONE,
  PICKUP,
  register,
} from "./mediated.ts";
import { NODE_KEY, useSharedNodes } from "./shared-nodes.ts";

describeUnless(missingNats(1), "nodes with the same data, as one mediator", () => {
  const shared = useSharedNodes({ mediator: MEDIATOR });
  const { nats, start } = shared;

  /** A node that can be killed. */
  async function startProcess(port: number): Promise<NodeProcess> {
    const args = ["--nats", nats.urls.join(","), "--nats-prefix", shared.prefix, "--node-name", "killed", "--domain", "node.example"];
    const node = new NodeProcess(port, [...args, "--mediator", MEDIATOR], { LAYR8_NODE_KEY: NODE_KEY.toString("base64") });
    onTestFinished(() => node.kill());
    await node.start();
    return node;
  }

  /** The next delivery of live mode. */
  async function delivered(agent: RawAgent): Promise<Answer> {
    const { plaintext } = await agent.receive();
    expect(plaintext["type"]).toBe(`${PICKUP}/delivery`);
    agent.ack(String(plaintext["id"]));
    return plaintext as never;
  }

  const liveOf = async (agent: RawAgent): Promise<unknown> => (await ask(agent, `${PICKUP}/status-request`)).body["live_delivery"];

  it("take registrations at one node, forwards at another, and give envelopes out at either", async () => {
    const [one, other] = [await start(), await start()];
    const bob = await join(one, BOB);
    expect(await register(bob, CHILD)).toEqual(["success"]);
    for (const envelope of ["one", "two", "three"]) expect(await forward(other, CHILD, envelope)).toBe(202);
    // The same envelope, at the node that has not stored it.
    expect(await forward(one, CHILD, "two")).toBe(202);
    const first = await ask(bob, `${PICKUP}/delivery-request`, { limit: 2 });
    expect(contentsOf(first)).toEqual(["one", "two"]);
    const elsewhere = await join(other, BOB);
    expect(contentsOf(await ask(elsewhere, `${PICKUP}/delivery-request`, { limit: 10 }))).toEqual(["one", "two", "three"]);
    const { body } = await ask(elsewhere, `${PICKUP}/messages-received`, { message_id_list: idsOf(first) });
    expect(body).toMatchObject({ message_count: 1 });
    elsewhere.close();
    await elsewhere.client.closed;
    const again = await join(one, BOB);
    expect(contentsOf(await ask(again, `${PICKUP}/delivery-request`, { limit: 10 }))).toEqual(["three"]);
    expect((await ask(again, `${COORDINATION}/recipient-query`)).body).toMatchObject({ dids: [{ recipient_did: CHILD }] });
    const removal = [{ recipient_did: CHILD, action: "remove" }];
    expect((await ask(again, `${COORDINATION}/recipient-update`, { updates: removal })).body).toMatchObject({
      updated: [{ result: "success" }],
    });
    await expect.poll(() => forward(other, CHILD, "four")).not.toBe(202);
  });

  it("have one agent for each DID, wherever it registers it", async () => {
    const [one, other] = [await start(), await start()];
    const [bob, child] = [await join(one, BOB), await join(other, CHILD)];
    const results = await Promise.all([register(bob, CHILD), register(child, CHILD)]);
    expect(new Set(results.flat())).toEqual(new Set(["client_error", "success"]));
    const winner = results[0]?.[0] === "success" ? bob : child;
    const loser = winner === bob ? child : bob;
    expect(await register(winner, CHILD)).toEqual(["no_change"]);
    expect(await register(loser, CHILD)).toEqual(["client_error"]);
  });

  it("deliver in live mode to connections at another node than the one that has queued the envelope", async () => {
    const [one, other] = [await start(), await start()];
    const bob = await join(one, BOB);
    await register(bob, PHONE, CHILD);
    expect((await ask(bob, `${PICKUP}/live-delivery-change`, { live_delivery: true })).body).toMatchObject({ live_delivery: true });
    await forward(other, CHILD, "one");
    const first = await delivered(bob);
    expect([contentsOf(first), first.body]).toEqual([["one"], { recipient_did: CHILD }]);
    await forward(one, PHONE, "two");
    expect(contentsOf(await delivered(bob))).toEqual(["two"]);
    // A connection of the same DID at the other node asks there.
    const elsewhere = await RawAgent.join({ url: other.url, apiKey: KEY }, { did: BOB, protocols: [], apiKey: KEY });
    onTestFinished(() => elsewhere.close());
    expect(await liveOf(elsewhere)).toBe(true);
    expect((await ask(elsewhere, `${PICKUP}/live-delivery-change`, { live_delivery: false })).body).toMatchObject({ live_delivery: false });
    expect(await liveOf(bob)).toBe(false);
    await forward(other, PHONE, "three");
    expect(contentsOf(await ask(bob, `${PICKUP}/delivery-request`, { limit: 10, recipient_did: PHONE }))).toEqual(["two", "three"]);
  });

  it("move live delivery to the node at which it was turned on last", async () => {
    const [one, other] = [await start(), await start()];
    const bob = await join(one, BOB);
    await register(bob, PHONE);
    await ask(bob, `${PICKUP}/live-delivery-change`, { live_delivery: true });
    const elsewhere = await join(other, BOB);
    await ask(elsewhere, `${PICKUP}/live-delivery-change`, { live_delivery: true });
    const agents = async (node: Layr8Node): Promise<string | undefined> =>
      /^layr8_node_mediator_live_agents (\d+)$/m.exec(await (await fetch(`${node.httpUrl}/metrics`)).text())?.[1];
    await expect.poll(() => agents(one)).toBe("0");
    expect(await agents(other)).toBe("1");
    await forward(one, PHONE, "one");
    expect(contentsOf(await delivered(elsewhere))).toEqual(["one"]);
    await forward(other, PHONE, "two");
    // Once: the first node does not deliver it too.
    expect(contentsOf(await delivered(elsewhere))).toEqual(["two"]);
    expect(await liveOf(elsewhere)).toBe(true);
  });

  it("deliver what was queued while notices of it were lost", async () => {
    const proxy = await HoldingProxy.start(nats.urls[0] ?? "");
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const [one, other] = [await start(), await start({ nats: [proxy.url] })];
    const bob = await join(one, BOB);
    await register(bob, PHONE);
    // The other node does not learn that this one delivers to the agent.
    proxy.hold({ subject: `${shared.prefix}.live.` });
    await ask(bob, `${PICKUP}/live-delivery-change`, { live_delivery: true });
    await forward(other, PHONE, "one");
    expect(contentsOf(await delivered(bob))).toEqual(["one"]);
  });

  it("count what waits", async () => {
    const [one, other] = [await start(), await start()];
    const bob = await join(one, BOB);
    await register(bob, PHONE, CHILD);
    for (const [did, envelope] of [
      [PHONE, "one"],
      [CHILD, "two"],
      [CHILD, "three"],
    ] as const) {
      await forward(other, did, envelope);
    }
    const sum = async (name: string): Promise<number[]> =>
      Promise.all(
        [one, other].map(async (node) => {
          const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
          return Number(new RegExp(String.raw`^layr8_node_mediator_${name} (\d+)$`, "m").exec(text)?.[1]);
        }),
      );
    await expect.poll(async () => (await sum("envelopes")).reduce((all, each) => all + each, 0)).toBe(3);
    await expect.poll(() => sum("dids")).toEqual([2, 2]);
  });

  it(
    "keep everything when the node of an agent is killed, whose live delivery is turned on at another one",
    { timeout: 240_000 },
    async () => {
      const killed = await startProcess(24_872);
      const one = await start();
      const bob = await join(killed, BOB);
      await register(bob, PHONE);
      await ask(bob, `${PICKUP}/live-delivery-change`, { live_delivery: true });
      await forward(one, PHONE, "one");
      expect(contentsOf(await delivered(bob))).toEqual(["one"]);
      await killed.kill();
      expect(await forward(one, PHONE, "two")).toBe(202);
      const again = await join(one, BOB);
      await expect.poll(() => liveOf(again)).toBe(false);
      expect((await ask(again, `${PICKUP}/live-delivery-change`, { live_delivery: true })).body).toMatchObject({
        live_delivery: true,
        message_count: 2,
      });
      const waiting = await ask(again, `${PICKUP}/delivery-request`, { limit: 10 });
      expect(contentsOf(waiting)).toEqual(["one", "two"]);
      await ask(again, `${PICKUP}/messages-received`, { message_id_list: idsOf(waiting) });
      await forward(one, PHONE, "three");
      expect(contentsOf(await delivered(again))).toEqual(["three"]);
    },
  );
});
