import { RejectedError, NodeTransportError, type JsonObject } from "@parley/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { Agent, AGENT } from "./agent.ts";
import type { HarnessAbility, TransportHarness } from "./transport-harness.ts";

const HANDLED = { status: "handled" } as const;

const message = (id: string): JsonObject => ({ id, type: "https://didcomm.org/basicmessage/2.0/message", body: { content: id } });

/**
 * Registers vitest tests of the {@link https://www.npmjs.com/package/@parley/core | Transport} interface. `setUp` creates a harness for each
 * test. Tests that need an ability missing from `abilities` are omitted.
 */
export function transportCompliance(
  name: string,
  setUp: () => Promise<TransportHarness>,
  abilities: readonly HarnessAbility[] = ["stall", "refuseJoins"],
): void {
  const itStalled = abilities.includes("stall") ? it : undefined;
  const itRefusing = abilities.includes("refuseJoins") ? it : undefined;

  async function start(): Promise<TransportHarness> {
    const harness = await setUp();
    onTestFinished(() => harness.stop());
    return harness;
  }

  async function connected(): Promise<{ harness: TransportHarness; agent: Agent }> {
    const harness = await start();
    const agent = await Agent.connect(harness.transport);
    return { harness, agent };
  }

  async function cutAndRestored(harness: TransportHarness, agent: Agent, times = 1): Promise<void> {
    await harness.cut();
    await agent.disconnected(times);
    await harness.restore();
    await agent.reconnected(times);
  }

  describe(`${name}: connecting`, () => {
    it("uses the given DID", async () => {
      const { agent } = await connected();
      expect(agent.connection.did).toBe(AGENT);
      expect(agent.connection.connected).toBe(true);
    });

    it("uses a DID assigned by the node, and keeps it", async () => {
      const harness = await start();
      const agent = await Agent.connect(harness.transport, "");
      const { did } = agent.connection;
      expect(did).toMatch(/^did:/u);
      await cutAndRestored(harness, agent);
      expect(agent.connection.did).toBe(did);
    });

    it("fails if aborted before", async () => {
      const harness = await start();
      const reason = new Error("changed my mind");
      const connecting = harness.transport.connect({ protocols: [], events: new Agent(), signal: AbortSignal.abort(reason) });
      await expect(connecting).rejects.toBe(reason);
    });

    it("fails without a link", async () => {
      const harness = await start();
      await harness.cut();
      expect(await failure(Agent.connect(harness.transport))).toMatchObject({ code: "connect_failed", retryable: true });
    });

    it("succeeds again with the same DID after close", async () => {
      const { harness, agent } = await connected();
      await agent.connection.close();
      const again = await Agent.connect(harness.transport);
      await again.connection.send(message("1"));
      expect(await harness.received()).toEqual(message("1"));
    });
  });

  describe(`${name}: sending`, () => {
    it("keeps the order and the plaintexts", async () => {
      const { harness, agent } = await connected();
      const ids = Array.from({ length: 50 }, (_, index) => String(index));
      const sent = Promise.all(ids.map((id) => agent.connection.send({ ...message(id), "x-header": [null, { ü: "€" }] })));
      for (const id of ids) expect(await harness.received()).toEqual({ ...message(id), "x-header": [null, { ü: "€" }] });
      await sent;
    });

    it("is unaffected by later changes to the object", async () => {
      const { harness, agent } = await connected();
      const plaintext = { id: "before" };
      const sending = agent.connection.send(plaintext);
      plaintext.id = "after";
      await sending;
      expect(await harness.received()).toEqual({ id: "before" });
    });

    it("rejects with the node's reason, and the connection stays usable", async () => {
      const { harness, agent } = await connected();
      harness.refuseMessages();
      const error = await failure(agent.connection.send(message("1")));
      expect(error).toBeInstanceOf(RejectedError);
      expect(error).toMatchObject({ code: "rejected", retryable: false, reason: expect.any(String) as string });
      expect(agent.connection.connected).toBe(true);
    });

    it("rejects values that JSON cannot represent", async () => {
      const { agent } = await connected();
      const circular: Record<string, unknown> = {};
      circular["self"] = circular;
      for (const plaintext of [circular, { body: 1n }, [], "text", null]) {
        expect(await failure(agent.connection.send(plaintext as JsonObject))).toMatchObject({ code: "write_failed" });
      }
    });

    it("sends nothing if aborted before", async () => {
      const { harness, agent } = await connected();
      const reason = new Error("changed my mind");
      expect(await failure(agent.connection.send(message("1"), { signal: AbortSignal.abort(reason) }))).toBe(reason);
      await agent.connection.send(message("2"));
      expect(await harness.received()).toEqual(message("2"));
    });

    it("rejects while the link is down, and does not send later", async () => {
      const { harness, agent } = await connected();
      await harness.cut();
      await agent.disconnected();
      expect(agent.connection.connected).toBe(false);
      expect(await failure(agent.connection.send(message("1")))).toMatchObject({ code: "not_connected", retryable: true });
      await harness.restore();
      await agent.reconnected();
      expect(agent.connection.connected).toBe(true);
      await agent.connection.send(message("2"));
      expect(await harness.received()).toEqual(message("2"));
    });

    itStalled?.("reports a message in flight as uncertain when the link breaks", async () => {
      const { harness, agent } = await connected();
      harness.stall();
      const sending = failure(agent.connection.send(message("1")));
      await harness.cut();
      expect(await sending).toMatchObject({ code: "disconnected", retryable: true });
    });
  });

  describe(`${name}: delivery`, () => {
    it("keeps the order and the plaintexts", async () => {
      const { harness, agent } = await connected();
      const ids = Array.from({ length: 50 }, (_, index) => String(index));
      for (const id of ids) await harness.deliver(AGENT, message(id));
      for (const id of ids) expect((await agent.next()).plaintext).toEqual(message(id));
    });

    it("redelivers unsettled messages in order after the link broke", async () => {
      const { harness, agent } = await connected();
      for (const id of ["1", "2", "3", "4"]) await harness.deliver(AGENT, message(id));
      const deliveries = [await agent.next(), await agent.next(), await agent.next(), await agent.next()];
      deliveries[1]?.settle(HANDLED);
      deliveries[3]?.settle({ status: "error", code: "e.p.xfer.cant-process", message: "no" });
      // The response implies that the node received the settlements.
      await agent.connection.send(message("after"));
      await cutAndRestored(harness, agent);
      await harness.deliver(AGENT, message("5"));
      for (const id of ["1", "3", "5"]) expect((await agent.next()).plaintext).toEqual(message(id));
    });

    it("redelivers messages settled while the link was down; only the first call counts", async () => {
      const { harness, agent } = await connected();
      await harness.deliver(AGENT, message("1"));
      const first = await agent.next();
      await harness.cut();
      await agent.disconnected();
      first.settle(HANDLED);
      await harness.restore();
      await agent.reconnected();
      const second = await agent.next();
      expect(second.plaintext).toEqual(message("1"));
      first.settle(HANDLED);
      await agent.connection.send(message("after"));
      await cutAndRestored(harness, agent, 2);
      const third = await agent.next();
      expect(third.plaintext).toEqual(message("1"));
      third.settle(HANDLED);
      await agent.connection.send(message("after"));
      await cutAndRestored(harness, agent, 3);
      await harness.deliver(AGENT, message("2"));
      expect((await agent.next()).plaintext).toEqual(message("2"));
    });
  });

  describe(`${name}: events`, () => {
    it("reports each disconnect and each reconnect once", async () => {
      const { harness, agent } = await connected();
      await cutAndRestored(harness, agent);
      await cutAndRestored(harness, agent, 2);
      await agent.connection.send(message("1"));
      expect(agent.disconnects.map((reason) => reason.code)).toEqual(["disconnected", "disconnected"]);
      expect(agent.disconnects[0]).toBeInstanceOf(NodeTransportError);
      expect(agent.reconnects).toBe(2);
      expect(agent.faults).toEqual([]);
    });

    itRefusing?.("reports a rejected join", async () => {
      const harness = await start();
      harness.refuseJoins();
      const error = await failure(Agent.connect(harness.transport));
      expect(error).toBeInstanceOf(RejectedError);
      expect(error).toMatchObject({ code: "join_refused", retryable: false });
    });

    itRefusing?.("ends the deliveries after a rejected rejoin", async () => {
      const { harness, agent } = await connected();
      harness.refuseJoins();
      await harness.cut();
      await agent.disconnected();
      await harness.restore();
      expect(await failure(agent.next())).toMatchObject({ code: "join_refused" });
      expect(await failure(agent.connection.send(message("1")))).toMatchObject({ code: "closed" });
      expect(agent.reconnects).toBe(0);
    });
  });

  describe(`${name}: closing`, () => {
    it("is idempotent, ends the deliveries, and reports no disconnect", async () => {
      const { agent } = await connected();
      const ending = agent.ended();
      await Promise.all([agent.connection.close(), agent.connection.close()]);
      expect(await ending).toBe(true);
      await agent.connection.close();
      expect(agent.connection.connected).toBe(false);
      expect(await failure(agent.connection.send(message("1")))).toMatchObject({ code: "closed", retryable: false });
      expect(agent.disconnects).toEqual([]);
    });

    itStalled?.("ends pending sends with closed", async () => {
      const { harness, agent } = await connected();
      harness.stall();
      const sending = failure(agent.connection.send(message("1")));
      await agent.connection.close();
      expect(await sending).toMatchObject({ code: "closed" });
    });

    it("is final while the link is down", async () => {
      const { harness, agent } = await connected();
      await harness.cut();
      await agent.disconnected();
      await agent.connection.close();
      expect(await agent.ended()).toBe(true);
      await harness.restore();
      expect(agent.reconnects).toBe(0);
    });

    it("happens at the end of an await using scope", async () => {
      const { agent } = await connected();
      {
        await using connection = agent.connection;
        expect(connection.connected).toBe(true);
      }
      expect(await agent.ended()).toBe(true);
    });
  });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error("expected a failure");
    },
    (error: unknown) => error,
  );
}
