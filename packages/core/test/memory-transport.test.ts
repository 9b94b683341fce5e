import { describe, expect, it } from "vitest";
import { createMemoryLink } from "../src/memory-transport.ts";
import type { Connection, Delivery, JsonObject } from "../src/index.ts";

const MESSAGE: JsonObject = { id: "1", type: "https://didcomm.org/basicmessage/2.0/message", to: ["did:example:bob"] };

function listener() {
  const seen: string[] = [];
  return {
    seen,
    events: {
      onDisconnect: (reason: { code: string }) => void seen.push(reason.code),
      onReconnect: () => void seen.push("reconnected"),
      onFault: () => void seen.push("fault"),
    },
  };
}

async function pair(options?: Parameters<typeof createMemoryLink>[0]) {
  const link = createMemoryLink(options);
  const alice = await link.left.connect({ did: "did:example:alice", protocols: [], events: listener().events });
  const heard = listener();
  const bob = await link.right.connect({ did: "did:example:bob", protocols: ["*"], events: heard.events });
  return { link, alice, bob, seen: heard.seen, deliveries: bob.deliveries[Symbol.asyncIterator]() };
}

async function next(deliveries: AsyncIterator<Delivery>): Promise<Delivery> {
  const { value, done } = await deliveries.next();
  if (done === true) throw new Error("The deliveries ended");
  return value;
}

describe("createMemoryLink", () => {
  it("delivers a copy of what was sent", async () => {
    const { alice, deliveries } = await pair();
    const body = { items: [1] };
    await alice.send({ ...MESSAGE, body });
    body.items.push(2);
    const delivery = await next(deliveries);
    expect(delivery.plaintext).toEqual({ ...MESSAGE, body: { items: [1] } });
    expect(delivery.context).toMatchObject({ recipient: "did:example:bob", authorized: true });
    expect(delivery.acknowledge).toBe("outcome");
  });

  it("delivers with the configured kind of acknowledgement", async () => {
    const { alice, deliveries } = await pair({ acknowledge: "first" });
    await alice.send(MESSAGE);
    expect((await next(deliveries)).acknowledge).toBe("first");
  });

  it("assigns a DID where none is given", async () => {
    const link = createMemoryLink();
    const connection = await link.left.connect({ protocols: [], events: listener().events });
    expect(connection.did).toMatch(/^did:example:/);
  });

  it("rejects a send while no agent is connected, and a second connection", async () => {
    const link = createMemoryLink();
    const options = { did: "did:example:alice", protocols: [], events: listener().events };
    const alice = await link.left.connect(options);
    await expect(alice.send(MESSAGE)).rejects.toMatchObject({ code: "rejected", reason: "unknown recipient" });
    await expect(link.left.connect(options)).rejects.toMatchObject({ code: "join_refused" });
  });

  it("reports a cut to both, fails sends at once, and delivers again what was not settled", async () => {
    const { link, alice, bob, seen, deliveries } = await pair();
    await alice.send({ ...MESSAGE, id: "settled" });
    await alice.send({ ...MESSAGE, id: "open" });
    (await next(deliveries)).settle({ status: "handled" });
    await next(deliveries);
    link.cut();
    expect([alice.connected, bob.connected]).toEqual([false, false]);
    await expect(alice.send(MESSAGE)).rejects.toMatchObject({ code: "not_connected", retryable: true });
    await expect(link.left.connect({ protocols: [], events: listener().events })).rejects.toMatchObject({ code: "connect_failed" });
    link.restore();
    expect((await next(deliveries)).plaintext).toMatchObject({ id: "open" });
    expect(seen).toEqual(["disconnected", "reconnected"]);
  });

  it("does not take a settlement while the link is down", async () => {
    const { link, alice, deliveries } = await pair();
    await alice.send(MESSAGE);
    const delivery = await next(deliveries);
    link.cut();
    delivery.settle({ status: "handled" });
    link.restore();
    expect((await next(deliveries)).plaintext).toEqual(MESSAGE);
  });

  it("ends the deliveries on close, which may be called twice", async () => {
    const { bob, alice, deliveries } = await pair();
    await bob.close();
    await bob.close();
    expect(await deliveries.next()).toEqual({ done: true, value: undefined });
    await expect(bob.send(MESSAGE)).rejects.toMatchObject({ code: "closed" });
    await expect(alice.send(MESSAGE)).rejects.toMatchObject({ code: "rejected" });
  });

  it("is closed by await using", async () => {
    const link = createMemoryLink();
    let kept: Connection;
    {
      await using connection = await link.left.connect({ protocols: [], events: listener().events });
      kept = connection;
      expect(kept.connected).toBe(true);
    }
    expect(kept.connected).toBe(false);
  });

  it("gives the signal's reason when aborted", async () => {
    const { alice } = await pair();
    const reason = new Error("changed my mind");
    const signal = AbortSignal.abort(reason);
    await expect(alice.send(MESSAGE, { signal })).rejects.toBe(reason);
    await expect(createMemoryLink().left.connect({ protocols: [], events: listener().events, signal })).rejects.toBe(reason);
  });

  it("rejects what JSON can't write", async () => {
    const { alice } = await pair();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    let deep: JsonObject = {};
    for (let n = 0; n < 100_000; n++) deep = { deep };
    // Newer runtimes write JSON of any depth.
    for (const body of [circular, { big: 1n }, ...(isWritable(deep) ? [] : [deep])]) {
      await expect(alice.send({ ...MESSAGE, body } as JsonObject)).rejects.toMatchObject({ code: "write_failed" });
    }
  });
});

function isWritable(value: JsonObject): boolean {
  try {
    return JSON.stringify(value) !== "";
  } catch {
    return false;
  }
}
