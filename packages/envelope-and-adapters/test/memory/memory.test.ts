import { describe, expect, it } from "vitest";
import { Envelope, Protocol, type ReceivedEnvelope } from "../../src/index.ts";
import { createMemoryChannels, createMemoryPorts } from "../../src/memory/index.ts";
import { bytes, text } from "../utf8.ts";

const hello = new Envelope(Protocol.RAW, "text/plain", bytes("hello"));

describe("createMemoryPorts", () => {
  it("names the sender", async () => {
    const [alice, bob] = createMemoryPorts(["alice", "bob"]);
    const inbound = bob.receive();
    await alice.send(hello);
    expect((await inbound.next()).value?.sender).toBe("alice");
  });

  it("wraps and copies data that is not an envelope", async () => {
    const [alice, bob] = createMemoryPorts(["alice", "bob"]);
    const inbound = bob.receive();
    const data = bytes("just text");
    await alice.sendBytes(data);
    data.fill(0);
    const { value } = await inbound.next();
    expect([value?.envelope.protocol, text(value?.envelope.payload)]).toEqual([Protocol.RAW, "just text"]);
  });

  it("delays received envelopes and rejects sends while disconnected", async () => {
    const [alice, bob] = createMemoryPorts(["alice", "bob"]);
    const inbound = bob.receive();
    bob.cut();
    await alice.send(hello);
    await expect(bob.send(hello)).rejects.toMatchObject({ code: "not_connected", retryable: true });
    bob.restore();
    expect(text((await inbound.next()).value?.envelope.payload)).toBe("hello");
    await bob.send(hello);
  });

  it("fails permanently after the received envelopes", async () => {
    const [alice, bob] = createMemoryPorts(["alice", "bob"]);
    const inbound = bob.receive();
    await alice.send(hello);
    bob.fail(new Error("removed"));
    expect(text((await inbound.next()).value?.envelope.payload)).toBe("hello");
    await expect(inbound.next()).rejects.toThrow("removed");
    await expect(bob.send(hello)).rejects.toMatchObject({ code: "closed" });
    await alice.send(hello);
  });
});

describe("createMemoryPorts with keepUnread", () => {
  const contentOf = async (inbound: AsyncIterator<ReceivedEnvelope, undefined>): Promise<string> =>
    text((await inbound.next()).value?.envelope.payload);

  it("keeps envelopes without a subscriber, after those left unsettled", async () => {
    const [alice, bob] = createMemoryPorts(["alice", "bob"], { keepUnread: true });
    const first = bob.receive({ settle: "manual" });
    for (const content of ["1", "2", "3"]) await alice.sendBytes(bytes(content));
    expect([await contentOf(first), await contentOf(first)]).toEqual(["1", "2"]);
    await first.return?.();
    await alice.sendBytes(bytes("4"));
    const [second, other] = [bob.receive({ settle: "manual" }), bob.receive({ protocol: Protocol.MCP })];
    for (const content of ["1", "2", "3", "4"]) expect(await contentOf(second)).toBe(content);
    await alice.send(new Envelope(Protocol.MCP, "text/plain", bytes("mcp")));
    expect(await contentOf(other)).toBe("mcp");
  });

  it("deduplicates by the last 65,536 send ids of each party", async () => {
    const [alice, bob] = createMemoryPorts(["alice", "bob"]);
    for (let id = 0; id < 65_537; id++) await alice.sendBytes(bytes("x"), { id: `${id}` });
    const inbound = bob.receive({ protocol: Protocol.MCP });
    for (const [id, content] of [
      ["1", "known"],
      ["0", "forgotten"],
      ["last", "last"],
    ] as const) {
      await alice.send(new Envelope(Protocol.MCP, "text/plain", bytes(content)), { id });
    }
    expect([await contentOf(inbound), await contentOf(inbound)]).toEqual(["forgotten", "last"]);
  });
});

describe("createMemoryChannels", () => {
  it("opens only channels that were created or joined", async () => {
    const [alice, bob] = createMemoryChannels(["alice", "bob"]);
    await expect(alice.open("org/ns/x")).rejects.toMatchObject({ code: "unknown_channel" });
    await expect(bob.join("org/ns/x", new Uint8Array())).rejects.toMatchObject({ code: "unknown_channel" });
    const created = await alice.create("org/ns/x");
    expect(await alice.open("org/ns/x")).toBe(created);
    await expect(bob.create("org/ns/x")).rejects.toThrow(TypeError);
    await expect(bob.open("org/ns/x")).rejects.toMatchObject({ code: "unknown_channel" });
  });
});
