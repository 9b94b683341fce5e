import { describe, expect, it } from "vitest";
import { A2aAdapter, A2aChannelTransportFactory, serveA2a } from "../src/a2a/index.ts";
import { McpChannelServer, McpChannelTransport } from "../src/mcp/index.ts";
import { createMemoryChannels, createMemoryPorts } from "../src/memory/index.ts";
import { SlimAdapter } from "../src/slim/index.ts";

/** As JavaScript calls it: whatever it is, and whatever the options are. */
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

describe("a caller's mistakes", () => {
  it.each(ofPorts)("%s needs the port of one channel, and says so at once", async (_name, make) => {
    for (const wrong of [undefined, null, "org/n/channel", {}, channels]) {
      await expect(async () => make(wrong as never)).rejects.toThrow(/port of one channel is needed/);
    }
  });

  it.each(ofChannels)("%s needs an agent's channels, and says so at once", (_name, make) => {
    for (const wrong of [undefined, "org/n/channel", {}, port])
      expect(() => make(wrong as never)).toThrow(/channels of an agent are needed/);
  });

  it.each([...ofPorts, ...ofChannels])("%s has no options but its own", async (name, make) => {
    const right = ofPorts.some(([each]) => each === name) ? port : channels;
    await expect(async () => make(right as never, { peeer: "bob" } as never)).rejects.toThrow(
      /^Unknown option "peeer"\. .*Valid options: /,
    );
  });

  it("a transport is a client's or a server's", () => {
    expect(() => new McpChannelTransport(port, { role: "servant" as never })).toThrow(/role must be/);
  });
});
