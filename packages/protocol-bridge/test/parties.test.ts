import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
import { describe, expect, it } from "vitest";
import { ProtocolBridge } from "../src/index.ts";
import { bytes, slim } from "./support/messages.ts";
import { eventually, take } from "./support/world.ts";

const NAMES = ["org/n/in", "org/n/out"] as const;

async function worldWithImpostor() {
  const [alice, impostor, bob, manager] = createMemoryChannels(["alice", "alice", "bob", "bridge"], { keepUnread: true, withKeys: true });
  for (const name of NAMES) {
    await alice.create(name);
    for (const each of [impostor, bob, manager]) await each.join(name, new Uint8Array());
  }
  return { alice, impostor, bob, manager };
}

describe("two parties with the same name", () => {
  it("have origins with different keys", async () => {
    const { alice, impostor, bob, manager } = await worldWithImpostor();
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge(...NAMES, Protocol.SLIM, Protocol.A2A);
    const inbound = (await bob.open("org/n/out")).receive();
    const senders = [await alice.open("org/n/in"), await impostor.open("org/n/in")];
    for (const port of senders) await port.send(slim("hi", "text/plain"));
    const origins = (await take(inbound, 2)).map(({ envelope }) => envelope.metadata?.["bridge"]);
    expect(origins).toMatchObject(senders.map(({ senderKey }) => ({ origin: { protocol: "slim", sender: "alice", senderKey } })));
    expect(new Set(senders.map(({ senderKey }) => senderKey)).size).toBe(2);
  });

  it("can't use each other's MCP sessions", async () => {
    const { alice, impostor, manager } = await worldWithImpostor();
    const errors: string[] = [];
    await using bridge = new ProtocolBridge(manager, { onError: ({ code }) => errors.push(code) });
    await bridge.bridge(...NAMES, Protocol.MCP, Protocol.A2A);
    const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {} } };
    const envelope = (message: object): Envelope =>
      new Envelope(Protocol.MCP, "application/json", bytes(JSON.stringify(message)), {
        mcp: { session: "s-1", role: "client", event: "open" },
      });
    const ours = await alice.open("org/n/in");
    const answers = ours.receive({ protocol: Protocol.MCP });
    await ours.send(envelope(initialize));
    await take(answers, 1);
    await (
      await impostor.open("org/n/in")
    ).send(envelope({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "send_message" } }));
    await eventually(() => expect(errors).toContain("sender_mismatch"));
  });
});
