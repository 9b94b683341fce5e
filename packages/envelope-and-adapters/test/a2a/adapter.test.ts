import { AgentExtension, Message } from "@a2a-js/sdk";
import { describe, expect, it } from "vitest";
import { A2A_ENCRYPTED_CONTEXTS_EXTENSION } from "../../src/a2a/extension.ts";
import { A2aAdapter, readA2aMessage, type A2aAdapterOptions, type A2aPartInput } from "../../src/a2a/index.ts";
import { Envelope, Protocol } from "../../src/index.ts";
import { createMemoryChannels } from "../../src/memory/index.ts";
import { bytes, text } from "../utf8.ts";
import { textOf } from "./agent.ts";

const WELCOME = new Uint8Array();

async function pair(options: Partial<A2aAdapterOptions> = {}) {
  const [alice, bob] = createMemoryChannels(["alice", "bob"]);
  const ours = new A2aAdapter(alice, { agentId: "agent-1" });
  const theirs = new A2aAdapter(bob, { agentId: "agent-2", ...options });
  await ours.createContext("research");
  await theirs.joinContext("research", WELCOME);
  return { alice, bob, ours, theirs, port: await alice.open("org/a2a/research") };
}

describe("A2aAdapter", () => {
  it("creates the channel of a context, and exchanges messages on it", async () => {
    const { ours, theirs } = await pair();
    const id = await ours.sendMessage("research", [{ type: "text", text: "Hello" }]);
    const [message, ...more] = await theirs.receiveMessages("research");
    expect(more).toEqual([]);
    expect(message).toMatchObject({ messageId: id, contextId: "research", role: "user", sender: "alice", agentId: "agent-1" });
    expect(message?.parts).toEqual([{ type: "text", text: "Hello" }]);
    expect(message?.parts[0]?.content).toEqual({ $case: "text", value: "Hello" });
  });

  it("answers in the same context", async () => {
    const { ours, theirs } = await pair();
    await ours.sendMessage("research", [{ text: "Question" }]);
    await theirs.receiveMessages("research");
    await theirs.sendMessage("research", [{ text: "Answer" }], {
      role: "agent",
      taskId: "task-1",
      metadata: { a: 1 },
      extensions: ["https://example.com/e"],
      referenceTaskIds: ["task-0"],
    });
    expect(await ours.receiveMessages("research")).toMatchObject([
      { role: "agent", taskId: "task-1", metadata: { a: 1 }, extensions: ["https://example.com/e"], referenceTaskIds: ["task-0"] },
    ]);
  });

  it("writes messages that the official SDK reads, with their version", async () => {
    const { ours, bob } = await pair();
    const inbound = (await bob.open("org/a2a/research")).receive();
    const parts: A2aPartInput[] = [{ type: "text", text: "seed" }, { kind: "text", text: "0.3" }, { text: "1.0" }];
    await ours.sendMessage("research", parts);
    const { value } = await inbound.next();
    expect(value?.envelope).toMatchObject({
      protocol: Protocol.A2A,
      contentType: "application/json",
      metadata: { "A2A-Version": "1.0", a2a: { agent: "agent-1" } },
    });
    const json = JSON.parse(text(value?.envelope.payload)) as { parts: object[] };
    expect(json.parts).toEqual([{ type: "text", text: "seed" }, { kind: "text", text: "0.3" }, { text: "1.0" }]);
    expect(textOf(Message.fromJSON(json))).toBe("seed0.31.0");
  });

  it("reads messages with only the required members", async () => {
    const { theirs, port } = await pair();
    await port.send(
      new Envelope(Protocol.A2A, "application/json", bytes('{"messageId":"m","role":"user","parts":[{"type":"text","text":"Hello"}]}')),
    );
    const [message] = await theirs.receiveMessages("research");
    const parts = [{ type: "text", text: "Hello" }];
    expect(message).toEqual({ messageId: "m", contextId: "research", role: "user", parts, sender: "alice" });
  });

  it.each<[string, A2aPartInput]>([
    ["the seed's text", { type: "text", text: "Hello" }],
    ["the seed's data", { type: "data", data: { a: null } }],
    ["the seed's file", { type: "file", file: { name: "a.txt", mimeType: "text/plain", bytes: "aGk=" } }],
    ["0.3's text", { kind: "text", text: "Hello", metadata: { a: 1 } }],
    ["0.3's file", { kind: "file", file: { uri: "https://example.com/a" } }],
    ["1.0's text", { text: "Hello", mediaType: "text/markdown" }],
    ["1.0's raw", { raw: "aGk=", filename: "a.bin" }],
    ["1.0's url", { url: "https://example.com/a" }],
    ["1.0's data", { data: null }],
  ])("returns parts in the form in which they were sent: %s", async (_name, part) => {
    const { ours, theirs } = await pair();
    await ours.sendMessage("research", [part]);
    const [message] = await theirs.receiveMessages("research");
    expect(message?.parts).toEqual([part]);
    expect(JSON.parse(JSON.stringify(message?.parts))).toEqual([part]);
    // Each part also has the official SDK's form.
    expect(readA2aMessage(message as never).parts).toEqual([
      readA2aMessage({ messageId: "m", role: "user", parts: [part as never] }).parts[0],
    ]);
    expect(message?.parts[0]?.content).toEqual(readA2aMessage(message as never).parts[0]?.content);
  });

  it("treats null as absent", async () => {
    const { ours, theirs } = await pair();
    const nothing = { metadata: null, taskId: null, extensions: null, referenceTaskIds: null };
    await ours.sendMessage("research", [{ text: "Hello" }], nothing);
    expect(Object.keys((await theirs.receiveMessages("research"))[0] ?? {}).toSorted()).toEqual([
      "agentId",
      "contextId",
      "messageId",
      "parts",
      "role",
      "sender",
    ]);
  });

  it("rejects invalid parts, unknown options and unknown roles", async () => {
    const { alice, ours } = await pair();
    for (const parts of [undefined, null, "Hello", { text: "Hello" }, []]) {
      await expect(ours.sendMessage("research", parts as never)).rejects.toThrow(/^The parts of an A2A message must be a non-empty array/);
    }
    await expect(ours.sendMessage("research", [{ text: "x" }], { rol: "agent" } as never)).rejects.toThrow(/Did you mean "role"/);
    await expect(ours.sendMessage("research", [{ text: "x" }], { role: "chief" as never })).rejects.toThrow(/"role".*"user" or "agent"/);
    expect(() => new A2aAdapter(alice, "agent-1" as never)).toThrow(
      /^A2aAdapter needs the options \{ agentId: "agent-1" \}, not a string$/,
    );
    expect(() => new A2aAdapter(alice, undefined as never)).toThrow(/A2aAdapter needs the options.*not undefined/);
    await expect(ours.receiveMessages("research", { timeuot: 1 } as never)).rejects.toThrow(/Did you mean "timeout"/);
  });

  it("skips and reports malformed messages", async () => {
    const errors: unknown[] = [];
    const { ours, theirs, port } = await pair({ maxMessageBytes: 500, onError: (error) => errors.push(error) });
    for (const json of [
      "",
      "{",
      "[]",
      "{}",
      '{"messageId":"m","role":"user","parts":[{}]}',
      '{"messageId":"m","role":"user","parts":[],"contextId":"another"}',
      JSON.stringify({ pad: "x".repeat(500) }),
    ]) {
      await port.send(new Envelope(Protocol.A2A, "application/json", bytes(json)));
    }
    await port.sendBytes(bytes("no envelope at all"));
    await port.send(new Envelope(Protocol.SLIM, "application/json", bytes('{"parts":[]}')));
    await ours.sendMessage("research", [{ text: "still here" }]);
    const messages = await theirs.receiveMessages("research");
    expect(messages.map(textOf)).toEqual(["still here"]);
    expect(errors.map((error) => (error as { code: string }).code)).toEqual([
      ...Array.from({ length: 6 }, () => "message_invalid"),
      "message_too_large",
    ]);
  });

  it("ignores calls of official clients", async () => {
    const errors: unknown[] = [];
    const { ours, theirs, port } = await pair({ onError: (error) => errors.push(error) });
    const a2a = { call: "1", role: "client", event: "request", agent: "a2a-channel://agent-2" };
    await port.send(new Envelope(Protocol.A2A, "application/json", bytes("{}"), { a2a }));
    await ours.sendMessage("research", [{ text: "a message" }]);
    expect((await theirs.receiveMessages("research")).map(textOf)).toEqual(["a message"]);
    expect(errors).toEqual([]);
  });

  it("rejects contexts that were not created, joined or opened", async () => {
    const { alice, ours, theirs } = await pair();
    await expect(ours.sendMessage("other", [{ text: "x" }])).rejects.toMatchObject({ code: "not_subscribed" });
    await expect(ours.receiveMessages("other")).rejects.toMatchObject({ code: "not_subscribed" });
    await expect(theirs.joinContext("other", WELCOME)).rejects.toMatchObject({ code: "unknown_channel" });
    await expect(theirs.openContext("other")).rejects.toMatchObject({ code: "unknown_channel" });
    const restarted = new A2aAdapter(alice, { agentId: "agent-1" });
    await restarted.openContext("research");
    await restarted.sendMessage("research", [{ text: "back" }]);
    expect((await theirs.receiveMessages("research")).map(textOf)).toEqual(["back"]);
    await restarted.close();
    await expect(restarted.receiveMessages("research")).rejects.toMatchObject({ code: "not_subscribed" });
  });

  it("rejects invalid names and invalid parts", async () => {
    const { alice, ours } = await pair();
    for (const id of ["", "a/b", "a b", "x".repeat(129), "ü"]) {
      await expect(ours.createContext(id)).rejects.toMatchObject({ code: "name_invalid" });
      expect(() => new A2aAdapter(alice, { agentId: id })).toThrow(expect.objectContaining({ code: "name_invalid" }));
      expect(() => new A2aAdapter(alice, { agentId: "a", org: id })).toThrow(expect.objectContaining({ code: "name_invalid" }));
    }
    await expect(ours.sendMessage("research", [{} as A2aPartInput])).rejects.toMatchObject({ code: "message_invalid" });
    await expect(ours.sendMessage("research", [{ text: "x".repeat(5_000_000) }])).rejects.toMatchObject({ code: "message_too_large" });
  });

  it("creates the extension for an agent card in the form of the official SDK", async () => {
    const { ours } = await pair();
    const extension = ours.agentCardExtension();
    expect(extension).toMatchObject({
      uri: A2A_ENCRYPTED_CONTEXTS_EXTENSION,
      required: false,
      params: { agentId: "agent-1", channel: "org/a2a/{contextId}", protocolVersion: "1.0" },
    });
    expect(AgentExtension.fromJSON(AgentExtension.toJSON(extension))).toEqual(extension);
  });
});
