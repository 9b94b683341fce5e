import type { Message } from "@a2a-js/sdk";
import { ClientFactory, type Client } from "@a2a-js/sdk/client";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { A2aChannelTransportFactory, serveA2a, type A2aChannelClientOptions, type A2aServing } from "../../src/a2a/index.ts";
import { Envelope, Protocol } from "../../src/index.ts";
import { createMemoryPorts, type MemoryPort } from "../../src/memory/index.ts";
import { bytes, text } from "../utf8.ts";
import { request, testCard, TestAgent, textOf } from "./agent.ts";

const AGENT = "a2a-channel://agent-1";

let client: MemoryPort;
let server: MemoryPort;
let mallory: MemoryPort;
let errors: { readonly code: string }[];

beforeEach(() => {
  [client, server, mallory] = createMemoryPorts(["client", "server", "mallory"]);
  errors = [];
});

afterEach(async () => {
  await Promise.all([client, server, mallory].map((port) => port.close()));
});

const onError = (error: Error): void => void errors.push(error as never);

function envelope(a2a: object, payload: unknown, metadata: object = { "A2A-Version": "1.0" }): Envelope {
  const data = payload instanceof Uint8Array ? payload : payload === undefined ? new Uint8Array() : bytes(JSON.stringify(payload));
  return new Envelope(Protocol.A2A, "application/json", data, { ...metadata, a2a } as never);
}

/** The call envelopes that one party receives, optionally only those of clients. */
function listen(port: MemoryPort, role?: "client") {
  const inbound = port.receive({ protocol: Protocol.A2A });
  const isWanted = (a2a: Record<string, unknown>): boolean => role === undefined || a2a["role"] === role;
  const next = async () => {
    const { value } = await inbound.next();
    const a2a = value?.envelope.metadata?.["a2a"] as unknown as Record<string, unknown>;
    return { a2a, payload: text(value?.envelope.payload) };
  };
  return async () => {
    let { a2a, payload } = await next();
    while (!isWanted(a2a)) ({ a2a, payload } = await next());
    return {
      a2a,
      message: payload === "" ? undefined : (JSON.parse(payload) as { result?: unknown; error?: { code: number } }),
    };
  };
}

describe("an agent with hostile callers", () => {
  let agent: TestAgent;
  let serving: A2aServing;

  beforeEach(async () => {
    agent = new TestAgent(testCard("agent-1"));
    serving = await serveA2a(server, agent.handler, { onError, maxMessageBytes: 2000 });
  });

  afterEach(() => serving.close());

  const call = (event: string, id = "call-1") => ({ call: id, role: "client", event, agent: AGENT });

  it.each<[string, unknown, number]>([
    ["no JSON", bytes("{"), -32_700],
    ["a list", [], -32_600],
    ["a batch", [{ jsonrpc: "2.0", id: 1, method: "GetTask", params: {} }], -32_600],
    ["another version of JSON-RPC", { jsonrpc: "1.0", id: 1, method: "GetTask", params: {} }, -32_600],
    ["an invalid id", { jsonrpc: "2.0", id: {}, method: "GetTask", params: {} }, -32_600],
    ["a fractional id", { jsonrpc: "2.0", id: 1.5, method: "GetTask", params: {} }, -32_600],
    ["no method", { jsonrpc: "2.0", id: 1 }, -32_600],
    ["a response", { jsonrpc: "2.0", id: 1, result: {} }, -32_600],
    ["too much", { pad: "x".repeat(2000) }, -32_603],
    ["no JSON-RPC", { hello: 1 }, -32_600],
    ["an unknown method", { jsonrpc: "2.0", id: 1, method: "Burn", params: {} }, -32_601],
    ["wrong params", { jsonrpc: "2.0", id: 1, method: "GetTask", params: [] }, -32_602],
  ])("answers %s with a JSON-RPC error", async (_, payload, code) => {
    const next = listen(mallory);
    await mallory.send(envelope(call("request"), payload));
    const { a2a, message } = await next();
    expect(a2a).toMatchObject({ call: "call-1", role: "server", event: "reply", seq: 0 });
    expect(message?.error?.code).toBe(code);
  });

  it.each<[object]>([
    [{ call: "" }],
    [{ call: 7, role: "client" }],
    [{ ...call("request"), role: "admin" }],
    [{ ...call("burn") }],
    [{ ...call("request"), agent: 7 }],
    [{ ...call("request"), agent: "x".repeat(600) }],
    [{ ...call("request"), call: "x".repeat(600) }],
    [{ ...call("request"), parameters: { name: 7 } }],
    [{ call: "1", role: "server", event: "reply" }],
    [{ call: "1", role: "server", event: "reply", seq: -1 }],
  ])("reports the address %j and continues", async (a2a) => {
    const next = listen(mallory);
    await mallory.send(envelope(a2a, {}));
    await mallory.send(envelope(call("card"), undefined));
    expect((await next()).message).toMatchObject({ name: "agent-1" });
    expect(errors).toMatchObject([{ code: "message_invalid" }]);
  });

  it("treats a call without a version as A2A 0.3, as specified, and rejects it", async () => {
    const next = listen(mallory);
    await mallory.send(envelope(call("request"), { jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: "x" } }, {}));
    expect((await next()).message?.error?.code).toBe(-32_009);
  });

  it("ignores parameters named like members of JavaScript objects", async () => {
    const next = listen(mallory);
    const a2a = JSON.parse(JSON.stringify(call("card")).replace("{", '{"parameters":{"__proto__":"x","constructor":"x"},')) as object;
    await mallory.send(envelope(a2a, undefined));
    expect((await next()).message).toMatchObject({ name: "agent-1" });
  });

  it("runs a pending call once if it arrives several times", async () => {
    const { message } = request("hold");
    const body = {
      jsonrpc: "2.0",
      id: 1,
      method: "SendMessage",
      params: { message: { ...message, role: "ROLE_USER", parts: [{ text: "hold" }] } },
    };
    const next = listen(mallory);
    for (let n = 0; n < 3; n++) await mallory.send(envelope(call("request"), body));
    await agent.waiting.promise;
    agent.go.resolve();
    expect((await next()).message).toHaveProperty("result");
    expect(agent.heard).toEqual(["hold"]);
    expect(errors).toMatchObject([{ code: "message_invalid" }, { code: "message_invalid" }]);
  });

  it("rejects cancelling another party's call", async () => {
    await using calls = new A2aChannelTransportFactory(client);
    const official = await new ClientFactory({ transports: [calls] }).createFromAgentCard(testCard("agent-1"));
    const next = listen(mallory);
    const answer = official.sendMessage(request("hold"));
    const { a2a } = await next();
    await agent.waiting.promise;
    await mallory.send(envelope({ ...a2a, event: "cancel" }, undefined));
    await mallory.send(envelope(call("card", "other"), undefined));
    await next();
    agent.go.resolve();
    expect(textOf((await answer) as Message)).toBe("echo hold");
  });

  it("limits the calls of one party, so that others can call", async () => {
    await serving.close();
    serving = await serveA2a(server, agent.handler, { onError, maxCallsPerSender: 1 });
    const { message } = request("hold");
    const params = { message: { ...message, role: "ROLE_USER", parts: [{ text: "hold" }] } };
    const next = listen(mallory);
    await mallory.send(envelope(call("request", "1"), { jsonrpc: "2.0", id: 1, method: "SendMessage", params }));
    await agent.waiting.promise;
    await mallory.send(envelope(call("card", "2"), undefined));
    expect(await next()).toMatchObject({ a2a: { call: "2" }, message: { error: { code: -32_603 } } });
    const other = listen(client);
    await client.send(envelope(call("card", "2"), undefined));
    while ((await other()).a2a["call"] !== "2");
    agent.go.resolve();
    expect(errors).toMatchObject([{ code: "too_many" }]);
  });

  it("rejects callers that are not allowed", async () => {
    await serving.close();
    serving = await serveA2a(server, agent.handler, { onError, accepts: (sender) => sender === "client" });
    const next = listen(mallory);
    await mallory.send(envelope(call("card", "1"), undefined));
    expect(await next()).toMatchObject({ a2a: { call: "1", event: "reply" }, message: { error: { code: -32_603 } } });
    const allowed = listen(client);
    await client.send(envelope(call("card", "2"), undefined));
    expect((await allowed()).message).toMatchObject({ name: "agent-1" });
    expect(errors).toMatchObject([{ code: "sender_mismatch" }]);
  });
});

describe("a client with hostile parties", () => {
  let calls: A2aChannelTransportFactory;
  let official: Client;

  async function connect(options: A2aChannelClientOptions = {}): Promise<void> {
    calls = new A2aChannelTransportFactory(client, { onError, ...options });
    official = await new ClientFactory({ transports: [calls] }).createFromAgentCard(testCard("agent-1"));
  }

  afterEach(() => calls.close());

  const answer = (a2a: Record<string, unknown>, event: string, seq: number) => ({ call: a2a["call"], role: "server", event, seq });
  const message = (value: string) => ({
    jsonrpc: "2.0",
    id: 1,
    result: { message: { messageId: "m", role: "ROLE_AGENT", parts: [{ text: value }] } },
  });

  it("accepts answers of the first agent only, or of its configured peer", async () => {
    await connect({ peer: "server" });
    const next = listen(server, "client");
    const asked = official.sendMessage(request("hello"));
    const { a2a } = await next();
    await mallory.send(envelope(answer(a2a, "reply", 0), message("forged")));
    await server.send(envelope(answer(a2a, "reply", 0), message("genuine")));
    expect(textOf((await asked) as Message)).toBe("genuine");
    expect(errors).toMatchObject([{ code: "sender_mismatch" }]);

    const stream = official.sendMessageStream(request("hello"));
    const first = stream.next();
    const { a2a: streamed } = await next();
    const { result } = message("one");
    await server.send(envelope(answer(streamed, "next", 0), { jsonrpc: "2.0", id: 2, result }));
    await first;
    await mallory.send(envelope(answer(streamed, "end", 1), undefined));
    await server.send(envelope(answer(streamed, "next", 1), { jsonrpc: "2.0", id: 2, result }));
    await server.send(envelope(answer(streamed, "end", 2), undefined));
    expect([(await stream.next()).done, (await stream.next()).done]).toEqual([false, true]);
    expect(errors).toHaveLength(2);
  });

  it("ignores duplicate answers, and detects a missing one", async () => {
    await connect();
    const next = listen(server, "client");
    const stream = official.sendMessageStream(request("hello"));
    const first = stream.next();
    const { a2a } = await next();
    const { result } = message("one");
    const event = { jsonrpc: "2.0", id: 1, result };
    await server.send(envelope(answer(a2a, "next", 0), event));
    await server.send(envelope(answer(a2a, "next", 0), event));
    await server.send(envelope(answer(a2a, "next", 1), event));
    expect([(await first).done, (await stream.next()).done]).toEqual([false, false]);
    const third = stream.next();
    await server.send(envelope(answer(a2a, "next", 3), event));
    await expect(third).rejects.toMatchObject({ code: "overflow" });
    expect((await next()).a2a).toMatchObject({ event: "cancel", call: a2a["call"] });
  });

  it.each<[string, unknown, string]>([
    ["no JSON", bytes("{"), "message_invalid"],
    ["a list", [], "message_invalid"],
    ["too much", { pad: "x".repeat(2000) }, "message_too_large"],
  ])("fails a call that is answered with %s", async (_, payload, code) => {
    await connect({ maxMessageBytes: 1000 });
    const next = listen(server, "client");
    const asked = official.sendMessage(request("hello"));
    const { a2a } = await next();
    await server.send(envelope(answer(a2a, "reply", 0), payload));
    await expect(asked).rejects.toMatchObject({ code });
    expect(errors).toMatchObject([{ code }]);
    expect((await next()).a2a).toMatchObject({ event: "cancel" });
  });

  it("fails a call whose stream ends without an event", async () => {
    await connect();
    const next = listen(server, "client");
    const asked = official.sendMessageStream(request("hello")).next();
    const { a2a } = await next();
    await server.send(envelope(answer(a2a, "end", 0), undefined));
    await expect(asked).rejects.toMatchObject({ code: "message_invalid" });
  });

  it("fails an unread stream that exceeds its buffer", async () => {
    await connect({ maxBufferedBytes: 100 });
    const next = listen(server, "client");
    const stream = official.sendMessageStream(request("hello"));
    const first = stream.next();
    const { a2a } = await next();
    const event = { jsonrpc: "2.0", id: 1, result: message("x".repeat(100)).result };
    await server.send(envelope(answer(a2a, "next", 0), event));
    await first;
    for (let seq = 1; seq < 20; seq++) await server.send(envelope(answer(a2a, "next", seq), event));
    expect((await next()).a2a).toMatchObject({ event: "cancel" });
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toMatchObject({ code: "overflow" });
  });

  it("rejects requests that are too large or no A2A call", async () => {
    await connect({ maxMessageBytes: 1000 });
    await expect(official.sendMessage(request("x".repeat(2000)))).rejects.toMatchObject({ code: "message_too_large" });
    await expect(calls.fetch(`${AGENT}/else`)).rejects.toThrow(TypeError);
    await expect(calls.fetch(AGENT, { method: "POST", body: new Uint8Array() })).rejects.toThrow(TypeError);
  });
});

it("malformed envelopes never end a client or an agent", async () => {
  const agent = new TestAgent(testCard("agent-1"));
  await using serving = await serveA2a(server, agent.handler, { onError });
  await using calls = new A2aChannelTransportFactory(client, { peer: "server", onError });
  const official = await new ClientFactory({ transports: [calls] }).createFromAgentCard(testCard("agent-1"));
  const inbound = listen(mallory);
  const asked = official.sendMessage(request("hold"));
  const { a2a } = await inbound();
  await agent.waiting.promise;
  const word = fc.oneof(
    fc.constantFrom<unknown>(a2a["call"], "client", "server", "request", "card", "cancel", "next", AGENT, 1),
    fc.json().map((json) => JSON.parse(json) as unknown),
  );
  const address = fc.record({ call: word, role: word, event: word, agent: word, seq: word, parameters: word }, { requiredKeys: ["call"] });
  await fc.assert(
    fc.asyncProperty(address, fc.oneof(fc.uint8Array(), fc.json().map(bytes)), async (hostile, data) => {
      await mallory.send(envelope(JSON.parse(JSON.stringify(hostile)) as object, data));
    }),
  );
  agent.go.resolve();
  expect(textOf((await asked) as Message)).toBe("echo hold");
  expect(textOf((await official.sendMessage(request("hello"))) as Message)).toBe("echo hello");
  await serving.close();
});
