import { AgentCard } from "@a2a-js/sdk";
import { ParleyError } from "@parley/core";
import { describe, expect, it } from "vitest";
import { a2aChannelInterface, A2aChannelTransportFactory } from "../../src/a2a/index.ts";
import { CallListener } from "../../src/a2a/call-listener.ts";
import type { EnvelopePort } from "../../src/index.ts";
import { createMemoryPorts, type MemoryPort } from "../../src/memory/index.ts";

const { url } = a2aChannelInterface("agent");
const large = "x".repeat(3000);
const circular: Record<string, unknown> = {};
circular["self"] = circular;

/** A port that rejects large envelopes permanently, as a channel does. */
function capped(port: MemoryPort): EnvelopePort {
  return {
    send: async (envelope, options) => {
      if (envelope.serialize().length > 2000) throw new ParleyError("message_too_large", "too large");
      await port.send(envelope, options);
    },
    receive: (options) => port.receive(options),
  };
}

async function* events(...values: object[]): AsyncGenerator<object, void, undefined> {
  yield* values;
}

/** The response that a client receives if an agent answers with `answer`. */
async function answered(answer: object | AsyncGenerator<object, void, undefined>): Promise<{ text: string; errors: Error[] }> {
  const [ours, theirs] = createMemoryPorts(["client", "agent"]);
  const errors: Error[] = [];
  const handler = {
    urls: new Set([url]),
    card: async () => AgentCard.toJSON(AgentCard.fromJSON({})) as object,
    errorOf: () => ({ code: -1, message: "not this one" }),
    handle: async () => ({ answer, extensions: () => [] }),
  };
  await using listener = new CallListener(capped(theirs), handler, { onError: (error) => errors.push(error) });
  await using calls = new A2aChannelTransportFactory(ours);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params: {} });
  const response = await calls.fetch(url, { method: "POST", body });
  const text = await response.text();
  await listener.close();
  return { text, errors };
}

describe("A2A response that can't be sent", () => {
  it.each<[string, object, RegExp]>([
    ["that the channel refuses", { jsonrpc: "2.0", id: 1, result: { large } }, /^The response is too large: 30\d\d bytes/],
    ["not JSON", { jsonrpc: "2.0", id: 1, result: circular }, /^The response can't be sent/],
  ])("is replaced by an error at once: %s", async (_name, answer, message) => {
    const { text, errors } = await answered(answer);
    expect(JSON.parse(text)).toEqual({ jsonrpc: "2.0", id: 1, error: { code: -32_603, message: expect.stringMatching(message) } });
    expect(errors).toHaveLength(1);
  });

  it("ends a stream with an error", async () => {
    const { text, errors } = await answered(events({ n: 1 }, { large }, { n: 3 }));
    expect(text).toMatch(/^data: \{"n":1\}\n\ndata: .*"code":-32603,"message":"The response is too large: 30\d\d bytes[^\n]*\n\n$/);
    expect(errors).toHaveLength(1);
  });
});
