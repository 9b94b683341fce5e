import { deferred } from "@parley/core/internal";
import { TaskState, type Message, type StreamResponse } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver, ServiceParameters, withA2AExtensions, type Client } from "@a2a-js/sdk/client";
import { fromJsonRpcErrorResponse, VersionNotSupportedError } from "@a2a-js/sdk/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EnvelopePort } from "../../src/index.ts";
import { A2aChannelTransportFactory, serveA2a, type A2aServing } from "../../src/a2a/index.ts";
import { createMemoryPorts, type MemoryPort } from "../../src/memory/index.ts";
import { EXTENSIONS, request, stateOf, testCard, TestAgent, textOf } from "./agent.ts";
import { collect, officialSdkCases } from "./official-sdk-cases.ts";

let ports: [MemoryPort, MemoryPort, MemoryPort];
let agent: TestAgent;
let serving: A2aServing;
let calls: A2aChannelTransportFactory;
let client: Client;
let errors: Error[];

beforeEach(async () => {
  ports = createMemoryPorts(["client", "server", "other"]);
  errors = [];
  const onError = (error: Error): unknown => errors.push(error);
  agent = new TestAgent(testCard("agent-1"));
  serving = await serveA2a(ports[1], agent.handler, { onError });
  calls = new A2aChannelTransportFactory(ports[0], { onError });
  client = await new ClientFactory({ transports: [calls] }).createFromAgentCard(testCard("agent-1"));
});

afterEach(async () => {
  await calls.close();
  await serving.close();
  await Promise.all(ports.map((port) => port.close()));
});

describe("the official client and request handler over a channel", () => {
  officialSdkCases(() => ({ client, agent }));

  it("returns all artifacts of a task whose stream was left", async () => {
    for await (const { payload } of client.sendMessageStream(request("slow"))) if (payload?.$case === "statusUpdate") break;
    const id = await agent.waiting.promise;
    const again = client.resubscribeTask({ tenant: "", id });
    await again.next();
    agent.go.resolve();
    expect(stateOf((await collect(again)).at(-1) as StreamResponse)).toBe(TaskState.TASK_STATE_COMPLETED);
    await expect.poll(async () => (await client.getTask({ tenant: "", id })).status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect((await client.getTask({ tenant: "", id })).artifacts.map(textOf)).toEqual(["one", "two", "three"]);
  });

  it("passes the authenticated caller to the agent", async () => {
    expect(textOf((await client.sendMessage(request("who"))) as Message)).toBe("true client");
  });

  it("transmits requested and activated extensions", async () => {
    const serviceParameters = ServiceParameters.create(withA2AExtensions(...EXTENSIONS));
    const answer = (await client.sendMessage(request("extend"), { serviceParameters })) as Message;
    expect(textOf(answer)).toBe(EXTENSIONS.join());
    const { message } = request("extend");
    const response = await calls.fetch("a2a-channel://agent-1", {
      method: "POST",
      headers: { "A2A-Version": "1.0", "A2A-Extensions": EXTENSIONS.join() },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "SendMessage",
        params: { message: { ...message, parts: [{ text: "extend" }] } },
      }),
    });
    expect(response.headers.get("A2A-Extensions")).toBe(EXTENSIONS[1]);
  });

  it("rejects an unsupported version of A2A", async () => {
    const response = await calls.fetch("a2a-channel://agent-1", {
      method: "POST",
      headers: { "A2A-Version": "0.7" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: "nobody" } }),
    });
    const error = (await response.json()) as Parameters<typeof fromJsonRpcErrorResponse>[0];
    expect(fromJsonRpcErrorResponse(error)).toBeInstanceOf(VersionNotSupportedError);
  });

  it("finds the agent by its URL through its card", async () => {
    const factory = new ClientFactory({ transports: [calls], cardResolver: new DefaultAgentCardResolver({ fetchImpl: calls.fetch }) });
    const found = await factory.createFromUrl("a2a-channel://agent-1");
    expect((await found.getAgentCard()).name).toBe("agent-1");
    expect(textOf((await found.sendMessage(request("hello"))) as Message)).toBe("echo hello");
  });
});

describe("A2A between several parties of one channel", () => {
  it("returns to each client the answers to its own calls", async () => {
    await using otherCalls = new A2aChannelTransportFactory(ports[2]);
    const other = await new ClientFactory({ transports: [otherCalls] }).createFromAgentCard(testCard("agent-1"));
    const answers = await Promise.all([client, other].map(async (each) => textOf((await each.sendMessage(request("who"))) as Message)));
    expect(answers).toEqual(["true client", "true other"]);
    expect(errors).toEqual([]);
  });

  it("delivers a call only to the agent with its URL", async () => {
    const second = new TestAgent(testCard("agent-2"));
    await using alsoServing = await serveA2a(ports[2], second.handler);
    const other = await new ClientFactory({ transports: [calls] }).createFromAgentCard(testCard("agent-2"));
    await client.sendMessage(request("for the first"));
    await other.sendMessage(request("for the second"));
    expect(agent.heard).toEqual(["for the first"]);
    expect(second.heard).toEqual(["for the second"]);
    await alsoServing.close();
  });
});

describe("an A2A client whose connection is lost", () => {
  it("fails new calls at once, and delivers answers to pending calls after it is restored", async () => {
    const answer = client.sendMessage(request("hold"));
    await agent.waiting.promise;
    ports[0].cut();
    agent.go.resolve();
    await expect(client.sendMessage(request("offline"))).rejects.toMatchObject({ code: "not_connected", retryable: true });
    ports[0].restore();
    expect(textOf((await answer) as Message)).toBe("echo hold");
  });

  it("delays the agent's answers until it is restored", async () => {
    await serving.close();
    const failed = deferred<void>();
    const watched: EnvelopePort = {
      receive: (options) => ports[1].receive(options),
      send: (envelope, options) =>
        ports[1].send(envelope, options).catch((error: unknown) => {
          failed.resolve();
          throw error;
        }),
    };
    serving = await serveA2a(watched, agent.handler);
    const answer = client.sendMessage(request("hold"));
    await agent.waiting.promise;
    ports[1].cut();
    agent.go.resolve();
    await failed.promise;
    ports[1].restore();
    expect(textOf((await answer) as Message)).toBe("echo hold");
  });

  it("ends calls when the port fails permanently", async () => {
    const failure = new Error("removed from the channel");
    const call = client.sendMessage(request("wait"));
    const stream = collect(client.sendMessageStream(request("wait")));
    await agent.waiting.promise;
    ports[0].fail(failure);
    await expect(call).rejects.toBe(failure);
    await expect(stream).rejects.toBe(failure);
    await expect(client.sendMessage(request("hello"))).rejects.toBe(failure);
  });

  it("ends serving when the port fails permanently", async () => {
    const failure = new Error("removed from the channel");
    ports[1].fail(failure);
    await expect(serving.closed).rejects.toBe(failure);
  });
});

describe("an A2A call", () => {
  it("rejects with the signal's reason before and during a call, and in a stream", async () => {
    const reason = new Error("changed my mind");
    await expect(client.sendMessage(request("hello"), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const call = client.sendMessage(request("wait"), { signal: abort.signal });
    const stream = collect(client.sendMessageStream(request("wait"), { signal: abort.signal }));
    await agent.waiting.promise;
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(stream).rejects.toBe(reason);
  });

  it("fails with timeout when no answer arrives in time", async () => {
    await using impatient = new A2aChannelTransportFactory(ports[0], { timeoutMs: 20 });
    const nobody = await new ClientFactory({ transports: [impatient] }).createFromAgentCard(testCard("nobody"));
    await expect(nobody.sendMessage(request("hello"))).rejects.toMatchObject({ code: "timeout", retryable: true });
  });

  it("fails when the agent is no longer served", async () => {
    const stream = client.sendMessageStream(request("wait"));
    await stream.next();
    const settled = Promise.allSettled([client.sendMessage(request("hold")), collect(stream)]);
    await agent.holding.promise;
    await Promise.all([serving.close(), serving.close()]);
    const message = expect.stringContaining("no longer served") as unknown;
    expect(await settled).toMatchObject([
      { status: "rejected", reason: { message } },
      { status: "rejected", reason: { message } },
    ]);
    await serving.closed;
  });

  it("happens when the client is closed", async () => {
    const call = client.sendMessage(request("wait"));
    await agent.waiting.promise;
    await calls.close();
    await expect(call).rejects.toMatchObject({ code: "closed" });
  });

  it("frees capacity for calls on both sides", async () => {
    await using few = new A2aChannelTransportFactory(ports[0], { maxCalls: 1 });
    const busy = await new ClientFactory({ transports: [few] }).createFromAgentCard(testCard("agent-1"));
    const first = busy.sendMessage(request("hello"));
    await expect(busy.sendMessage(request("hello"))).rejects.toMatchObject({ code: "too_many" });
    await first;
    await serving.close();
    serving = await serveA2a(ports[1], agent.handler, { maxCalls: 1 });
    void client.sendMessage(request("wait")).catch(() => {});
    await agent.waiting.promise;
    await expect(client.sendMessage(request("hello"))).rejects.toThrow("too many pending calls");
  });
});

it("serveA2a rejects a card without a channel interface", async () => {
  const card = { ...testCard("agent-3"), supportedInterfaces: [] };
  await expect(serveA2a(ports[1], new TestAgent(card).handler)).rejects.toThrow(TypeError);
});
