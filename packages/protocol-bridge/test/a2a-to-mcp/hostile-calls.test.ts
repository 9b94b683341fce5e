import { ParleyError } from "@parley/core";
import { Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { callEnvelope, readCallEnvelope, type ClientCall } from "@parley/envelope-and-adapters/internal";
import type { MemoryPort } from "@parley/envelope-and-adapters/memory";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readA2aRequest } from "../../src/a2a-to-mcp/a2a-request.ts";
import { ProtocolBridge, type RunningBridge } from "../../src/index.ts";
import type { Consumer } from "../../src/runtime/consumer.ts";
import { a2aClient, asking } from "../support/a2a-client.ts";
import { reserialized, consumersOf } from "../support/across.ts";
import { bytes, json, text } from "../support/messages.ts";
import { greeter, serveTools } from "../support/tools.ts";
import { eventually, take, world } from "../support/world.ts";

const IN = "org/a2a/desk";
const OUT = "org/n/tools";
const AGENT = "a2a-channel://bridge";
const user = { messageId: "m", role: "ROLE_USER", parts: [{ text: "Ada" }] };

function call(payload: unknown, more: Partial<ClientCall> = {}, parameters: Record<string, string> = { "A2A-Version": "1.0" }): Envelope {
  const address: ClientCall = { call: crypto.randomUUID(), role: "client", event: "request", agent: AGENT, ...more };
  return callEnvelope({ call: address, parameters }, payload instanceof Uint8Array ? payload : bytes(JSON.stringify(payload)));
}

const asks = (method: string, params: unknown = { message: user }, id: unknown = 1) => ({ jsonrpc: "2.0", id, method, params });

describe("malformed and hostile A2A calls", () => {
  let all: Awaited<ReturnType<typeof world>>;
  let alice: MemoryPort;
  let running: RunningBridge;
  let codes: string[];
  let calls: string[];
  const ending: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    all = await world([IN, OUT]);
    [codes, calls] = [[], []];
    const bridge = new ProtocolBridge(all.manager, { onError: ({ code }) => codes.push(code), maxMessageBytes: 5000 });
    running = await bridge.bridge(IN, OUT, Protocol.A2A, Protocol.MCP);
    const serving = serveTools(await all.bob.open(OUT), greeter(calls));
    ending.push(() => bridge.stop(), serving.close);
    alice = await all.alice.open(IN);
  });
  afterEach(async () => {
    for (const end of ending.splice(0).toReversed()) await end();
  });

  async function answerTo(envelope: Envelope): Promise<ReceivedEnvelope> {
    const stop = new AbortController();
    const inbound = alice.receive({ signal: stop.signal });
    await alice.send(envelope);
    const [answer] = await take(inbound, 1);
    stop.abort();
    if (answer === undefined) throw new Error("No answer");
    return answer;
  }

  it.each<[string, unknown, number]>([
    ["invalid JSON", bytes("{"), -32_700],
    ["an array", [], -32_600],
    ["JSON without jsonrpc", { id: 1 }, -32_600],
    ["an invalid id", asks("SendMessage", {}, {}), -32_600],
    ["a long id", asks("SendMessage", {}, "x".repeat(600)), -32_600],
    ["a large request", asks("SendMessage", { pad: "x".repeat(5000) }), -32_603],
    ["an unknown method", asks("Unknown"), -32_601],
    ["no params", { jsonrpc: "2.0", id: 1, method: "SendMessage" }, -32_602],
    ["no message", asks("SendMessage", {}), -32_602],
    ["a message without parts", asks("SendMessage", { message: { messageId: "m" } }), -32_602],
    ["an agent's message", asks("SendMessage", { message: { ...user, role: "ROLE_AGENT" } }), -32_602],
    ["a stream without a message", asks("SendStreamingMessage", []), -32_602],
    ["a message of a task", asks("SendMessage", { message: { ...user, taskId: "t" } }), -32_001],
    ["a request for a task", asks("GetTask", { id: "t" }), -32_001],
    ["a request for push notifications", asks("CreateTaskPushNotificationConfig", {}), -32_003],
    ["a request for an extended card", asks("GetExtendedAgentCard", {}), -32_004],
  ])("are answered with an A2A error: %s", async (_what, payload, code) => {
    const { envelope } = await answerTo(call(payload));
    expect(readCallEnvelope(envelope)?.call).toMatchObject({ role: "server", event: "reply", seq: 0 });
    expect(json(envelope)).toMatchObject({ jsonrpc: "2.0", error: { code } });
    expect(calls).toEqual([]);
  });

  it.each([undefined, "0.3", "2.0"])("are answered with an error for A2A version %s", async (version) => {
    const { envelope } = await answerTo(call(asks("SendMessage"), {}, version === undefined ? {} : { "A2A-Version": version }));
    expect(json(envelope)).toMatchObject({ id: 1, error: { code: -32_009 } });
  });

  it("can't cancel calls of another party", async () => {
    const own = call(asks("SendMessage"));
    const { call: address } = readCallEnvelope(own) as { call: ClientCall };
    const bob = await all.bob.open(IN);
    const inbound = alice.receive();
    await Promise.all([alice.send(own), bob.send(call(new Uint8Array(), { ...address, event: "cancel" }))]);
    const [cancel, answer] = await take(inbound, 2);
    expect(cancel?.sender).toBe("bob");
    expect(json(answer?.envelope as Envelope)).toMatchObject({ id: 1, result: { message: { parts: [{ text: "Hello Ada" }] } } });
  });

  it("are rejected if they reuse the id of a pending call", async () => {
    const first = call(asks("SendMessage"));
    const { call: address } = readCallEnvelope(first) as { call: ClientCall };
    const inbound = alice.receive();
    await Promise.all([alice.send(first), alice.send(call(asks("SendMessage"), address))]);
    await take(inbound, 1);
    await eventually(() => expect(codes).toEqual(["message_invalid"]));
    expect(calls).toEqual(["Ada"]);
  });

  it("are rejected if their address is malformed, and the bridge continues", async () => {
    for (const a2a of [{ call: 1 }, { call: "1", role: "client", event: "burn", agent: AGENT }, { call: "", role: "client" }]) {
      const { payload } = call(asks("SendMessage"));
      const { protocol, contentType, metadata } = call({});
      await alice.send(new Envelope(protocol, contentType, payload, { ...metadata, a2a }));
    }
    await eventually(() => expect(codes).toEqual(["message_invalid", "message_invalid", "message_invalid"]));
    expect(json((await answerTo(call(asks("SendMessage")))).envelope)).toHaveProperty("result");
    expect(running.status).toBe("running");
  });

  it("do not expose their credentials on the target channel", async () => {
    const spy = (await all.bob.open(OUT)).receive();
    await answerTo(call(asks("SendMessage"), {}, { "A2A-Version": "1.0", authorization: "Bearer secret" }));
    let seen = "";
    while (!seen.includes("tools/call")) {
      const [next] = await take(spy, 1);
      seen += JSON.stringify(next?.envelope.metadata) + JSON.stringify(json(next?.envelope as Envelope));
    }
    expect(seen).not.toContain("secret");
  });

  it("do not prevent answers to an official client", async () => {
    for (let index = 0; index < 100; index++) await alice.send(call(asks("SendMessage", { message: { ...user, messageId: `${index}` } })));
    const { client, close } = await a2aClient(await all.bob.open(IN));
    ending.push(close);
    expect(await client.sendMessage(asking("Eve"))).toMatchObject({ role: 2 });
  });
});

describe("without an MCP server", () => {
  it("large calls of one party do not prevent answers to another", async () => {
    const { alice, bob, manager } = await world([IN, OUT]);
    const bridge = new ProtocolBridge(manager);
    await bridge.bridge(IN, OUT, Protocol.A2A, Protocol.MCP);
    const port = await alice.open(IN);
    const inbound = port.receive();
    const large = { message: { ...user, parts: [{ text: "x".repeat(4_000_000) }] } };
    for (let id = 0; id < 6; id++) await port.send(call(asks("SendMessage", large, id)));
    const refusals = (await take(inbound, 5)).map(({ envelope }) => json(envelope));
    expect(refusals).toMatchObject([1, 2, 3, 4, 5].map((id) => ({ id, error: { message: "Too many calls wait for answers." } })));
    const serving = serveTools(await bob.open(OUT), greeter());
    const { client, close } = await a2aClient(await bob.open(IN));
    expect(await client.sendMessage(asking("Eve"))).toMatchObject({ role: 2 });
    // The call that waited is answered now.
    const said = async (): Promise<string> => take(inbound, 1).then((got) => got.map(({ envelope }) => text(envelope)).join());
    while (!(await said()).startsWith('{"jsonrpc":"2.0","id":0,"result":'));
    await close();
    await bridge.stop();
    await serving.close();
  });
});

/** The action for an envelope; `undefined` if it is rejected as malformed. Any other error fails the test. */
function actionFor(consumer: Consumer | undefined, received: ReceivedEnvelope) {
  try {
    return consumer?.handleUnordered?.(received);
  } catch (error) {
    if (error instanceof ParleyError && error.code === "message_invalid") return undefined;
    throw error;
  }
}

describe("random A2A calls", () => {
  const anything = fc.jsonValue({ maxDepth: 3 });
  const method = fc.constantFrom("SendMessage", "SendStreamingMessage", "GetTask", "__proto__", "toString");
  const part = fc.oneof(anything, fc.record({ text: fc.string() }));
  const message = fc.record(
    { messageId: anything, contextId: anything, role: anything, parts: fc.array(part) },
    { requiredKeys: ["parts"] },
  );
  const request = fc.record({
    jsonrpc: fc.constantFrom("2.0", "1.0"),
    id: anything,
    method,
    params: fc.oneof(anything, fc.record({ message })),
  });
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.oneof(request, anything).map((value) => bytes(JSON.stringify(value))),
  );

  it("are read as a tool request or as an error response", () => {
    fc.assert(
      fc.property(payload, fc.constantFrom("1.0", undefined, "x"), (each, version) => {
        const read = readA2aRequest(each, version, 5000);
        expect("response" in read !== "message" in read).toBe(true);
      }),
    );
  });

  it("are forwarded, answered, ignored or rejected with a code", async () => {
    const [consumer] = consumersOf(Protocol.A2A, Protocol.MCP, {
      maxMessageBytes: 5000,
      tool: ({ parts }) => ({ name: "t", arguments: { parts } }),
    });
    const address = fc.record(
      {
        call: fc.oneof(anything, fc.string({ minLength: 1, maxLength: 5 })),
        role: fc.constantFrom("client", "server", 1),
        event: fc.constantFrom("request", "card", "cancel", "reply", "x"),
        agent: fc.constantFrom(AGENT, "a2a-channel://other", 7),
        parameters: anything,
      },
      { requiredKeys: ["call"] },
    );
    await fc.assert(
      fc.asyncProperty(address, payload, async (a2a, bytesOf) => {
        const { protocol, contentType } = call({});
        const metadata = JSON.parse(JSON.stringify({ "A2A-Version": "1.0", a2a })) as Record<string, never>;
        const envelope = reserialized(new Envelope(protocol, contentType, bytesOf, metadata));
        const action = actionFor(consumer, { envelope, id: crypto.randomUUID(), sender: "mallory" });
        // Without a server, tool requests wait.
        const sends = action === undefined || "then" in action ? [] : action.sends;
        for (const outbound of sends) expect(reserialized(outbound.envelope).payload.length).toBeLessThanOrEqual(5000);
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });
});
