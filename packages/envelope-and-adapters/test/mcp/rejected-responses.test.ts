import { ParleyError } from "@parley/core";
import { deferred } from "@parley/core/internal";
import { describe, expect, it } from "vitest";
import type { EnvelopePort } from "../../src/index.ts";
import { McpChannelTransport, type JsonRpcMessage } from "../../src/mcp/index.ts";
import { createMemoryPorts, type MemoryPort } from "../../src/memory/index.ts";

const CAP = 2000;

/** A port that rejects large envelopes permanently, as a channel does. */
function capped(port: MemoryPort): EnvelopePort {
  return {
    send: async (envelope, options) => {
      const { length } = envelope.serialize();
      if (length > CAP) throw new ParleyError("bad_request", "too large", { cause: new ParleyError("message_too_large", `${length}`) });
      await port.send(envelope, options);
    },
    receive: (options) => port.receive(options),
  };
}

async function session() {
  const [ours, theirs] = createMemoryPorts(["client", "server"]);
  const client = new McpChannelTransport(capped(ours), { role: "client" });
  const server = new McpChannelTransport(capped(theirs), { role: "server" });
  const errors: Error[] = [];
  Object.assign(server, { onerror: (error: Error) => errors.push(error) });
  const request = server.read();
  await client.write({ jsonrpc: "2.0", id: 1, method: "tools/call" });
  await request;
  return { client, server, errors };
}

const large = "x".repeat(3000);
const circular: Record<string, unknown> = {};
circular["self"] = circular;

describe("MCP response that can't be sent", () => {
  it.each<[string, JsonRpcMessage, RegExp]>([
    ["a result that the channel refuses", { jsonrpc: "2.0", id: 1, result: { large } }, /^The response is too large: 30\d\d bytes/],
    ["an error that the channel refuses", { jsonrpc: "2.0", id: 1, error: { code: 1, message: large } }, /too large/],
    ["a result that is not JSON", { jsonrpc: "2.0", id: 1, result: circular }, /can't be sent/],
    ["a result with a BigInt", { jsonrpc: "2.0", id: 1, result: { n: 1n } }, /can't be sent/],
  ])("is replaced by an error at once: %s", async (_name, response, message) => {
    const { client, server, errors } = await session();
    await server.write(response);
    expect(await client.read()).toEqual({ jsonrpc: "2.0", id: 1, error: { code: -32_603, message: expect.stringMatching(message) } });
    expect(errors).toHaveLength(1);
  });

  it("is also replaced on the client, which answers sampling and elicitation", async () => {
    const { client, server } = await session();
    await server.write({ jsonrpc: "2.0", id: 9, method: "sampling/createMessage" });
    await client.read();
    await client.write({ jsonrpc: "2.0", id: 9, result: { large } });
    expect(await server.read()).toMatchObject({ id: 9, error: { code: -32_603 } });
  });

  it("rejects if nothing can be sent", async () => {
    const [ours, theirs] = createMemoryPorts(["client", "server"]);
    const left = new ParleyError("removed", "this agent was removed from the channel");
    let hasLeft = false;
    const server = new McpChannelTransport(
      { send: (...sent) => (hasLeft ? Promise.reject(left) : theirs.send(...sent)), receive: (options) => theirs.receive(options) },
      { role: "server" },
    );
    const request = server.read();
    await new McpChannelTransport(ours, { role: "client" }).write({ jsonrpc: "2.0", id: 1, method: "ping" });
    await request;
    hasLeft = true;
    await expect(server.write({ jsonrpc: "2.0", id: 1, result: {} })).rejects.toBe(left);
  });

  it("is not replaced if it is a request of the caller, which fails instead", async () => {
    const { client, server } = await session();
    await expect(client.write({ jsonrpc: "2.0", id: 2, method: "x", params: { large } })).rejects.toMatchObject({ code: "bad_request" });
    await expect(server.write({ jsonrpc: "2.0", method: "x", params: { large } })).rejects.toMatchObject({ code: "bad_request" });
  });
});

describe("signals of read and write", () => {
  it("stop waiting for messages and sends", async () => {
    const [ours] = createMemoryPorts(["server"]);
    await using server = new McpChannelTransport(ours, { role: "server" });
    const stop = new AbortController();
    const waiting = [server.read({ signal: stop.signal }), server.write({ jsonrpc: "2.0", method: "note" }, { signal: stop.signal })];
    const reason = new Error("enough");
    stop.abort(reason);
    for (const wait of waiting) await expect(wait).rejects.toBe(reason);
  });

  it("stop waiting for a channel that is not opened", async () => {
    const never = deferred<EnvelopePort>();
    await using client = new McpChannelTransport({ open: () => never.promise }, "org/ns/x");
    const stop = new AbortController();
    const waiting = client.write({ jsonrpc: "2.0", id: 1, method: "ping" }, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});
