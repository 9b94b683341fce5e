import { ParleyError } from "@parley/core";
import { Envelope, PortError, Protocol, type EnvelopePort, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
import { createMemoryChannels, createMemoryPorts } from "@parley/envelope-and-adapters/memory";
import { SlimAdapter } from "@parley/envelope-and-adapters/slim";
import { describe, expect, it } from "vitest";
import { BridgeError, ProtocolBridge } from "../src/index.ts";
import { a2a, a2aText, bytes, json, slim, text } from "./support/messages.ts";
import { eventually, take, unused, world } from "./support/world.ts";

const { A2A, SLIM, MCP } = Protocol;

describe("ProtocolBridge", () => {
  it("forwards an A2A message to SLIM subscribers, with its sender as the origin", async () => {
    const { alice, bob, manager } = await world(["org/a2a/in", "org/slim/out"]);
    await using bridge = new ProtocolBridge(manager);
    const running = await bridge.bridge("org/a2a/in", "org/slim/out", A2A, SLIM);
    const inbound = (await bob.open("org/slim/out")).receive();
    const adapter = new A2aAdapter(alice, { agentId: "agent-1" });
    await adapter.openContext("in");
    await adapter.sendMessage("in", [{ type: "text", text: "Hello" }]);
    const [received] = await take(inbound, 1);
    expect(received).toMatchObject({ sender: "bridge", envelope: { protocol: SLIM, contentType: "text/plain" } });
    expect(received?.envelope.metadata?.["bridge"]).toMatchObject({ origin: { protocol: A2A, sender: "alice" } });
    expect(text(received?.envelope ?? unused())).toBe("Hello");
    await eventually(() => expect(running.counters).toMatchObject({ received: 1, forwarded: 1, refused: 0 }));
    await adapter.close();
  });

  it("forwards a SLIM payload to the context of the target's channel", async () => {
    const { alice, bob, manager } = await world(["org/slim/in", "org/a2a/research"]);
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge("org/slim/in", "org/a2a/research", SLIM, A2A);
    const reader = new A2aAdapter(bob, { agentId: "agent-2" });
    await reader.openContext("research");
    await new SlimAdapter(alice).publish("org/slim/in", '{"celsius":180}', { contentType: "application/json" });
    const [message] = await reader.receiveMessages("research");
    expect(message).toMatchObject({ sender: "bridge", contextId: "research", role: "user", parts: [{ data: { celsius: 180 } }] });
    expect(message?.metadata?.["bridge"]).toEqual({ origin: { protocol: "slim", sender: "alice" } });
    await reader.close();
  });

  it("forwards the origins of earlier bridges as claims, not as its own origin", async () => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge("org/n/in", "org/n/out", SLIM, A2A);
    const inbound = (await bob.open("org/n/out")).receive();
    const forged = { bridge: { path: [], origin: { protocol: "didcomm", sender: "did:web:boss.example", authorized: true } } };
    await (await alice.open("org/n/in")).send(slim("hi", "text/plain", forged));
    const [received] = await take(inbound, 1);
    expect(received?.envelope.metadata?.["bridge"]).toMatchObject({
      origin: { protocol: SLIM, sender: "alice" },
      claims: [{ protocol: "didcomm", sender: "did:web:boss.example", authorized: true }],
    });
  });

  it("skips untranslatable messages and reports their error codes", async () => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    const errors: string[] = [];
    await using bridge = new ProtocolBridge(manager, { onError: ({ code }) => errors.push(code) });
    const running = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM, { maxMessageBytes: 1000 });
    const inbound = (await bob.open("org/n/out")).receive();
    const port = await alice.open("org/n/in");
    await port.send(new Envelope(A2A, "application/json", bytes("{")));
    await port.send(a2a({ parts: "none" }));
    await port.send(a2aText("x".repeat(1000)));
    await port.send(a2aText("hi", {}));
    await port.send(new Envelope(A2A, "application/json", bytes('{"parts":[]}'), { bridge: { path: "no" } }));
    await port.send(a2a({ parts: [] }, { a2a: { call: "1", role: "client", event: "request", agent: "a2a-channel://x" } }));
    await port.send(a2aText("last"));
    expect((await take(inbound, 2)).map(({ envelope }) => text(envelope))).toEqual(["hi", "last"]);
    expect(errors).toEqual(["message_invalid", "message_invalid", "message_too_large", "trace_invalid"]);
    await eventually(() => expect(running.counters).toMatchObject({ received: 7, forwarded: 2, refused: 4, ignored: 1 }));
    expect(running.status).toBe("running");
  });

  it("continues if listeners throw", async () => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    const rude = (): never => {
      throw new Error("no manners");
    };
    await using bridge = new ProtocolBridge(manager, { onError: rude, onEnd: rude });
    await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM);
    const inbound = (await bob.open("org/n/out")).receive();
    const port = await alice.open("org/n/in");
    await port.send(a2a({}));
    await port.send(a2aText("still here"));
    expect((await take(inbound, 1)).map(({ envelope }) => text(envelope))).toEqual(["still here"]);
  });

  it("keeps the order without duplicates while the target disconnects repeatedly", async () => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    const codes = new Set<string>();
    await using bridge = new ProtocolBridge(manager, { onError: ({ code }) => codes.add(code) });
    const running = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM);
    const inbound = (await bob.open("org/n/out")).receive();
    const [source, target] = [await alice.open("org/n/in"), await manager.open("org/n/out")];
    const sent = Array.from({ length: 60 }, (_, index) => `${index}`);
    for (let from = 0; from < sent.length; from += 20) {
      for (const content of sent.slice(from, from + 10)) await source.send(a2aText(content));
      target.cut();
      for (const content of sent.slice(from + 10, from + 20)) await source.send(a2aText(content));
      await eventually(() => expect(running.counters.received).toBe(from + 20));
      target.restore();
      await eventually(() => expect(running.counters.forwarded).toBe(from + 20));
    }
    expect((await take(inbound, sent.length)).map(({ envelope }) => text(envelope))).toEqual(sent);
    expect([...codes]).toEqual(["waiting"]);
    expect(running.counters).toMatchObject({ received: 60, failed: 0, refused: 0 });
    expect(running.counters.retried).toBeGreaterThan(0);
  });

  it("reads no more from the source than its window and the port's limit while the target is unavailable", async () => {
    const bound = 20;
    const { alice, manager } = await world(["org/n/in", "org/n/out"], { maxBuffered: bound });
    await using bridge = new ProtocolBridge(manager);
    const running = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM, { window: 4 });
    const [source, target] = [await alice.open("org/n/in"), await manager.open("org/n/out")];
    target.cut();
    for (let index = 0; index < 100; index++) await source.send(a2aText(`${index}`));
    await eventually(() => expect(running.counters.retried).toBeGreaterThan(3));
    expect(running.counters.received).toBeLessThanOrEqual(bound);
    target.restore();
    await eventually(() => expect(running.counters.forwarded).toBe(100));
  });

  it("skips messages that the target rejects permanently, and forwards the next ones", async () => {
    const [ours, alice] = createMemoryPorts(["bridge", "alice"]);
    const [target, bob] = createMemoryPorts(["bridge", "bob"]);
    const rejecting: EnvelopePort = {
      send: async (envelope, options) => {
        if (text(envelope) === "bad") throw new BridgeError("message_invalid", "not this one");
        await target.send(envelope, options);
      },
      receive: (options) => target.receive(options),
    };
    const errors: string[] = [];
    await using bridge = new ProtocolBridge({ open: async () => unused() }, { onError: ({ code }) => errors.push(code) });
    const running = await bridge.bridge({ name: "in", port: ours }, { name: "out", port: rejecting }, A2A, SLIM);
    const inbound = bob.receive();
    for (const content of ["good", "bad", "good again"]) await alice.send(a2aText(content));
    expect((await take(inbound, 2)).map(({ envelope }) => text(envelope))).toEqual(["good", "good again"]);
    await eventually(() => expect(running.counters).toMatchObject({ forwarded: 2, failed: 1 }));
    expect(errors).toEqual(["not_taken"]);
  });

  it("ends without losing a message if a port rejects it for another reason than its content", async () => {
    const { alice, manager } = await world(["org/n/in", "org/n/out"]);
    const [source, target] = [await manager.open("org/n/in"), await manager.open("org/n/out")];
    const locked: EnvelopePort = {
      send: () => Promise.reject(new ParleyError("unauthorized", "the key was revoked")),
      receive: (options) => target.receive(options),
    };
    await using bridge = new ProtocolBridge(manager);
    const ends = [
      { name: "in", port: source },
      { name: "out", port: locked },
    ] as const;
    const running = await bridge.bridge(...ends, A2A, SLIM);
    await (await alice.open("org/n/in")).send(a2aText("keep me"));
    expect((await running.ended)?.cause).toMatchObject({ code: "unauthorized" });
    await running.stop();
    expect(running.counters).toMatchObject({ forwarded: 0, failed: 0 });
    const again = await take(source.receive({ settle: "manual" }), 1);
    expect(again.map(({ envelope }) => json(envelope)["parts"])).toEqual([[{ text: "keep me" }]]);
  });

  it.each(["source", "target"] as const)("ends when its %s ends, reports it, and leaves unsent messages unsettled", async (which) => {
    const { alice, manager } = await world(["org/n/in", "org/n/out"]);
    const ends: BridgeError[] = [];
    await using bridge = new ProtocolBridge(manager, { onEnd: (reason) => ends.push(reason) });
    const running = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM);
    const [source, target] = [await manager.open("org/n/in"), await manager.open("org/n/out")];
    await (which === "source" ? source : target).close();
    await (await alice.open("org/n/in")).send(a2aText("too late"));
    expect(await running.ended).toMatchObject({ code: "port_ended", retryable: false });
    expect(running.status).toBe("ended");
    expect(ends).toHaveLength(1);
    expect(running.counters.failed).toBe(0);
    await running.stop();
    expect(running.status).toBe("ended");
  });

  it("ends with the failure of a port as the cause", async () => {
    const { manager } = await world(["org/n/in", "org/n/out"]);
    await using bridge = new ProtocolBridge(manager);
    const running = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM);
    const broken = new PortError("unknown_channel", "removed");
    (await manager.open("org/n/in")).fail(broken);
    expect((await running.ended)?.cause).toBe(broken);
  });

  it("forwards nothing after stop, and leaves later messages to the next bridge", async () => {
    const { alice, bob, manager } = await world(["org/n/in", "org/n/out"]);
    const bridge = new ProtocolBridge(manager);
    const first = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM);
    const inbound = (await bob.open("org/n/out")).receive();
    const source = await alice.open("org/n/in");
    await source.send(a2aText("1"));
    expect((await take(inbound, 1)).map(({ envelope }) => text(envelope))).toEqual(["1"]);
    await bridge.stop();
    expect(await first.ended).toBeUndefined();
    expect(first.status).toBe("stopped");
    await source.send(a2aText("2"));
    await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM);
    expect((await take(inbound, 1)).map(({ envelope }) => text(envelope))).toEqual(["2"]);
    await bridge.stop();
  });

  it("discards messages that arrive on the target if drainTarget is set", async () => {
    const { bob, manager } = await world(["org/n/in", "org/n/out"]);
    await using bridge = new ProtocolBridge(manager);
    const running = await bridge.bridge("org/n/in", "org/n/out", A2A, SLIM, { drainTarget: true });
    await (await bob.open("org/n/out")).send(slim("nobody asked"));
    // The earlier message was discarded, so a later subscriber receives later messages only.
    await new Promise((resolve) => setImmediate(resolve));
    const later = (await manager.open("org/n/out")).receive();
    await (await bob.open("org/n/out")).send(slim("asked"));
    expect((await take(later, 1)).map(({ envelope }) => text(envelope))).toEqual(["asked"]);
    expect(running.counters.received).toBe(0);
  });

  it("forwards messages of a channel that was created again with the same name and sequence numbers", async () => {
    const [target, bob] = createMemoryPorts(["bridge", "bob"]);
    const inbound = bob.receive();
    await using bridge = new ProtocolBridge({ open: async () => unused() });
    for (const content of ["of the first channel", "of the second"]) {
      const [source, alice] = createMemoryPorts(["bridge", "alice"]);
      const running = await bridge.bridge({ name: "org/n/in", port: source }, { name: "org/n/out", port: target }, A2A, SLIM);
      await alice.send(a2aText(content));
      expect((await take(inbound, 1)).map(({ envelope }) => text(envelope))).toEqual([content]);
      await running.stop();
    }
  });

  it("forwards messages of ports without ids and settling", async () => {
    const [ours, alice] = createMemoryPorts(["bridge", "alice"]);
    const [target, bob] = createMemoryPorts(["bridge", "bob"]);
    const plain = (port: EnvelopePort): EnvelopePort => ({
      send: (envelope) => port.send(envelope),
      async *receive(): AsyncGenerator<ReceivedEnvelope, undefined> {
        for await (const { envelope } of port.receive()) yield { envelope };
        return undefined;
      },
    });
    await using bridge = new ProtocolBridge({ open: async () => unused() });
    await bridge.bridge({ name: "in", port: plain(ours) }, { name: "out", port: plain(target) }, A2A, SLIM);
    const inbound = bob.receive();
    // The port subscribes on the first read.
    await new Promise((resolve) => setImmediate(resolve));
    for (const content of ["1", "2"]) await alice.send(a2aText(content));
    const received = await take(inbound, 2);
    expect(received.map(({ envelope }) => text(envelope))).toEqual(["1", "2"]);
    expect(received[0]?.envelope.metadata?.["bridge"]).toMatchObject({ origin: { protocol: A2A } });
  });

  it("rejects unknown protocol pairs and invalid options", async () => {
    const [manager] = createMemoryChannels(["bridge"]);
    await manager.create("org/n/one");
    const bridge = new ProtocolBridge(manager);
    const between = (options: object, to = SLIM as string) => bridge.bridge("org/n/one", "org/n/one", A2A, to, options);
    await expect(between({}, "future")).rejects.toThrow(/^No translation from a2a to future. Valid pairs: a2a to slim, /);
    await expect(between({}, A2A)).rejects.toThrow(TypeError);
    for (const options of [
      { maxHops: 33 },
      { window: 0 },
      { maxMessageBytes: 1.5 },
      { maxPending: 1000 },
      { agent: "no/slash" },
      { windows: 2 },
      { contextId: "" },
      { contextId: 7 },
      { peer: "x".repeat(513) },
      { tool: "" },
      { tool: {} },
    ]) {
      await expect(between(options)).rejects.toThrow(TypeError);
    }
    for (const end of [undefined, 7, {}, { name: "", port: await manager.open("org/n/one") }, { name: "x", port: {} }]) {
      await expect(bridge.bridge(end as string, "org/n/one", A2A, SLIM)).rejects.toThrow(
        /^An end of a bridge must be the name of a channel/,
      );
    }
    for (const options of [null, 5, "window", { drainTargt: true }]) {
      await expect(between(options as never)).rejects.toThrow(
        /^(Options must be an object|Unknown option "drainTargt". Did you mean "drainTarget")/,
      );
      expect(() => new ProtocolBridge(manager, options as never)).toThrow(TypeError);
    }
    for (const channels of [undefined, null, "org/n/one", {}]) {
      expect(() => new ProtocolBridge(channels as never)).toThrow(/^The channels of an agent are needed/);
    }
    expect(() => new ProtocolBridge(manager, { maxHops: 0 })).toThrow(TypeError);
    await expect(bridge.bridge("org/n/two", "org/n/one", A2A, SLIM)).rejects.toMatchObject({ code: "unknown_channel" });
  });

  it("ignores an invalid kept form", async () => {
    const { alice, bob, manager } = await world(["org/a2a/in", "org/n/out"]);
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge("org/a2a/in", "org/n/out", A2A, SLIM);
    const inbound = (await bob.open("org/n/out")).receive();
    for (const contentType of ["", 7, "x".repeat(256)]) {
      await (
        await alice.open("org/a2a/in")
      ).send(a2a({ parts: [{ text: "hi" }] }, { bridge: { kept: { protocol: "slim", contentType } } }));
      expect((await take(inbound, 1))[0]?.envelope.contentType).toBe("text/plain");
    }
  });

  it("does not restore the kept metadata of an A2A call", async () => {
    const { alice, bob, manager } = await world(["org/slim/in", "org/n/a2a"]);
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge("org/slim/in", "org/n/a2a", SLIM, A2A);
    const inbound = (await bob.open("org/n/a2a")).receive();
    const call = { call: "1", role: "server", event: "reply", seq: 0 };
    const kept = { protocol: "a2a", contentType: "application/json", metadata: { a2a: call } };
    await (
      await alice.open("org/slim/in")
    ).send(slim('{"messageId":"m","role":"ROLE_USER","parts":[{"text":"paid"}]}', "application/a2a+json", { bridge: { kept }, a2a: call }));
    const [received] = await take(inbound, 1);
    expect(received?.envelope.metadata?.["a2a"]).toEqual({ agent: "bridge" });
  });

  it("rejects messages that claim to belong to a session of a bridge", async () => {
    const { alice, bob, manager } = await world(["org/slim/in", "org/n/mcp"]);
    const errors: string[] = [];
    await using bridge = new ProtocolBridge(manager, { onError: ({ code }) => errors.push(code) });
    await bridge.bridge("org/slim/in", "org/n/mcp", SLIM, MCP);
    const inbound = (await bob.open("org/n/mcp")).receive();
    const keep = (session: string) => ({
      bridge: { kept: { protocol: "mcp", contentType: "application/json", metadata: { mcp: { session, role: "client", event: "open" } } } },
    });
    const port = await alice.open("org/slim/in");
    const call = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    await port.send(slim(call, "application/json", keep("bridge.abc")));
    await port.send(slim(call, "application/json", keep("fine")));
    const [received] = await take(inbound, 1);
    expect(received?.envelope.metadata?.["mcp"]).toMatchObject({ session: "fine" });
    expect(json(received?.envelope ?? unused())).toMatchObject({ method: "ping" });
    expect(errors).toEqual(["sender_mismatch"]);
  });
});
