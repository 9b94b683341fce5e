import { describe, expect, it } from "vitest";
import { A2aAdapter, A2aChannelTransportFactory, serveA2a } from "../src/a2a/index.ts";
import { McpChannelServer, McpChannelTransport } from "../src/mcp/index.ts";
import { createMemoryChannels, createMemoryPorts } from "../src/memory/index.ts";
import { SlimAdapter } from "../src/slim/index.ts";

/** Calls with arguments that TypeScript would reject. */
type Maker = (of: never, options?: never) => unknown;

const ofPorts: [string, Maker][] = [
  ["McpChannelTransport", (port, options) => new McpChannelTransport(port, options)],
  ["McpChannelServer", (port, options) => new McpChannelServer(port, options)],
  ["A2aChannelTransportFactory", (port, options) => new A2aChannelTransportFactory(port, options)],
  ["serveA2a", (port, options) => serveA2a(port, undefined as never, options)],
];
const ofChannels: [string, Maker][] = [
  ["A2aAdapter", (channels, options) => new A2aAdapter(channels, { agentId: "a", ...(options as object | undefined) })],
  ["SlimAdapter", (channels, options) => new SlimAdapter(channels, options)],
];

const [channels] = createMemoryChannels(["alice"]);
const [port] = createMemoryPorts(["alice"]);

describe("invalid arguments", () => {
  it.each(ofPorts)("%s requires the port of one channel", async (_name, make) => {
    for (const wrong of [undefined, null, "org/n/channel", {}, channels]) {
      await expect(async () => make(wrong as never)).rejects.toThrow(
        /^A channel is needed: \(manager, "org\/namespace\/service"\), or its port/,
      );
    }
  });

  it.each(ofChannels)("%s requires the channels of an agent", (_name, make) => {
    for (const wrong of [undefined, "org/n/channel", {}, port])
      expect(() => make(wrong as never)).toThrow(/channels of an agent are needed/);
  });

  it.each([...ofPorts, ...ofChannels])("%s rejects unknown options", async (name, make) => {
    const right = ofPorts.some(([each]) => each === name) ? port : channels;
    await expect(async () => make(right as never, { peeer: "bob" } as never)).rejects.toThrow(
      /^Unknown option "peeer"\. .*Valid options: /,
    );
  });

  it.each<[string, object, RegExp]>([
    ["A2aAdapter", { onError: 5 }, /"onError" must be a function, not 5/],
    ["A2aAdapter", { maxBuffered: "5" }, /"maxBuffered" must be a number greater than 0, not a string/],
    ["SlimAdapter", { onError: console }, /"onError" must be a function/],
    ["McpChannelServer", { accepts: "alice" }, /"accepts" must be a function, not a string/],
    ["McpChannelServer", { name: 5 }, /"name" must be a string that is not empty, not 5/],
    ["McpChannelServer", { idleTimeoutMs: 0 }, /"idleTimeoutMs" must be a number greater than 0/],
    ["McpChannelTransport", { peer: {} }, /"peer" must be a string that is not empty, not an object/],
    ["A2aChannelTransportFactory", { timeoutMs: "5" }, /"timeoutMs" must be a number/],
    ["serveA2a", { maxCalls: -1 }, /"maxCalls" must be a number/],
  ])("%s rejects the option %j", async (name, options, problem) => {
    const makers: readonly [string, unknown, Maker][] = [
      ...ofPorts.map(([each, make]): [string, unknown, Maker] => [each, port, make]),
      ...ofChannels.map(([each, make]): [string, unknown, Maker] => [each, channels, make]),
    ];
    const [, of, make] = makers.find(([each]) => each === name) ?? [];
    await expect(async () => make?.(of as never, options as never)).rejects.toThrow(problem);
  });

  it("serveA2a requires a request handler", async () => {
    for (const wrong of [undefined, null, {}, () => {}]) {
      await expect(serveA2a(port, wrong as never)).rejects.toThrow(/^serveA2a needs a request handler of the A2A SDK/);
    }
  });

  it.each<[unknown[], RegExp]>([
    [["hello"], /A part of an A2A message must be an object such as \{ text: "Hello" \}, not a string/],
    [[null], /not null/],
    [[{ type: "data", data: { score: Number.NaN } }], /An A2A message can't carry parts\[0\]\.data\.score: it is NaN/],
    [[{ text: "x" }, { data: { seen: new Map() } }], /parts\[1\]\.data\.seen: it is a Map/],
    [[{ content: { $case: "data", value: { at: Date.now } } }], /parts\[0\]\.data\.at: it is a function/],
  ])("parts of a message must be JSON objects: %#", async (parts, problem) => {
    const [alice] = createMemoryChannels(["alice"]);
    await using adapter = new A2aAdapter(alice, { agentId: "a" });
    await adapter.createContext("c");
    await expect(adapter.sendMessage("c", parts as never)).rejects.toThrow(problem);
    await expect(adapter.sendMessage("c", [{ text: "x" }], { metadata: { n: Infinity } })).rejects.toThrow(/carry metadata\.n/);
  });

  it.each([[undefined], [null], ["ping"], [{}], [[]], [{ method: "ping", id: 1 }], [{ jsonrpc: "2.0" }], [{ jsonrpc: 2, method: "x" }]])(
    "a message of MCP is JSON-RPC, not %j",
    async (message) => {
      await using transport = new McpChannelTransport(createMemoryPorts(["alice"])[0]);
      await expect(transport.write(message as never)).rejects.toThrow(/^A JSON-RPC message is needed, such as/);
    },
  );

  it("a transport rejects unknown roles", () => {
    expect(() => new McpChannelTransport(port, { role: "servant" as never })).toThrow(/role must be/);
  });
});
