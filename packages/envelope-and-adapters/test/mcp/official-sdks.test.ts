import { deferred } from "@parley/core/internal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { McpChannelServer, McpChannelTransport } from "../../src/mcp/index.ts";
import { createMemoryPorts, type MemoryPort } from "../../src/memory/index.ts";
import { clientV1, clientV2, serverV1, serverV2, type TestClient, type TestServer } from "./official.ts";

const clients = { v1: clientV1, v2: clientV2, "v2 (auto)": () => clientV2("auto") };
const servers = { v1: serverV1, v2: serverV2 };
const pairings = Object.keys(clients).flatMap((client) => Object.keys(servers).map((server) => [client, server] as const));

describe.each(pairings)("the official client %s and the official server %s over a channel", (clientName, serverName) => {
  let client: TestClient;
  let server: TestServer;
  let errors: Error[];
  let ports: [MemoryPort, MemoryPort];

  beforeEach(async () => {
    ports = createMemoryPorts(["client", "server"]);
    errors = [];
    client = clients[clientName as keyof typeof clients]();
    server = servers[serverName as keyof typeof servers]();
    const listening = new McpChannelTransport(ports[1], { role: "server" });
    Object.assign(listening, { onerror: (error: Error) => errors.push(error) });
    await server.connect(listening);
    await client.connect(new McpChannelTransport(ports[0]));
  });

  afterEach(async () => {
    await client.close();
    await Promise.all(ports.map((port) => port.close()));
    expect(errors).toEqual([]);
  });

  it("lists and calls tools", async () => {
    expect(await client.tools()).toContain("echo");
    expect(await client.call("echo", { text: "hello" })).toBe("hello");
    expect(await client.call("fail", {})).toContain("the tool broke");
  });

  it("reads resources and gets prompts", async () => {
    expect(await client.read("test://greeting")).toBe("hello");
    expect(await client.prompt("ask", { topic: "bees" })).toBe("About bees");
  });

  it("reports progress in order", async () => {
    const progress: number[] = [];
    expect(await client.call("count", {}, { onProgress: (done) => progress.push(done) })).toBe("counted");
    expect(progress).toEqual([1, 2, 3]);
  });

  it("cancels a call on both sides", async () => {
    const abort = new AbortController();
    const call = client.call("wait", {}, { signal: abort.signal });
    await server.waiting;
    abort.abort(new Error("changed my mind"));
    await expect(call).rejects.toThrow("changed my mind");
    await server.cancelled;
    expect(await client.call("echo", { text: "still here" })).toBe("still here");
  });

  it("answers concurrent calls with their own results", async () => {
    const texts = Array.from({ length: 50 }, (_, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => client.call("echo", { text })))).toEqual(texts);
  });

  it("completes a call after a lost connection is restored", async () => {
    const { promise: first, resolve } = deferred<void>();
    const call = client.call("count", {}, { onProgress: () => resolve() });
    await first;
    ports[0].cut();
    await expect(client.call("echo", { text: "offline" })).rejects.toMatchObject({ code: "not_connected" });
    ports[0].restore();
    expect(await call).toBe("counted");
  });

  it("ends calls in flight when the port fails permanently", async () => {
    const call = client.call("wait", {});
    await server.waiting;
    const { promise: closed, resolve } = deferred<void>();
    client.onClose(resolve);
    ports[0].fail(new Error("removed from the channel"));
    await expect(call).rejects.toThrow(/connection closed/i);
    await closed;
  });
});

describe.each([
  ["v1", "v1"],
  ["v1", "v2"],
  ["v2", "v1"],
  ["v2", "v2"],
] as const)("requests of a server %s to its client %s", (serverName, clientName) => {
  it("support sampling, elicitation and logging", async () => {
    const [ours, theirs] = createMemoryPorts(["client", "server"]);
    const client = clients[clientName]();
    await servers[serverName]().connect(new McpChannelTransport(theirs, { role: "server" }));
    await client.connect(new McpChannelTransport(ours));
    expect(await client.call("sample", {})).toBe("sampled");
    expect(await client.call("elicit", {})).toBe('{"colour":"green"}');
    expect(await client.call("log", { text: "noted" })).toBe("logged");
    expect(client.logged).toEqual(["noted"]);
    await client.close();
  });
});

it("several official clients share a channel with one McpChannelServer independently", async () => {
  const [server, ...parties] = createMemoryPorts(["server", "alice", "bob", "carol"]);
  const listener = new McpChannelServer(server);
  const serving = new Map<string | undefined, TestServer>();
  const accepting = (async () => {
    for await (const session of listener) {
      const official = serving.size % 2 === 0 ? serverV1() : serverV2();
      serving.set(session.sender, official);
      await official.connect(session);
    }
  })();
  const connected = await Promise.all(
    parties.map(async (port) => {
      const client = port.name === "bob" ? clientV1() : clientV2();
      await client.connect(new McpChannelTransport(port));
      return { name: port.name, client };
    }),
  );
  await Promise.all(
    connected.flatMap(({ name, client }) =>
      Array.from({ length: 20 }, async (_, index) => {
        const text = `${name} ${index}`;
        expect(await client.call("echo", { text })).toBe(text);
      }),
    ),
  );
  for (const { name } of connected) {
    const { calls } = serving.get(name) ?? { calls: [] };
    expect(new Set(calls)).toEqual(new Set(Array.from({ length: 20 }, (_, index) => `${name} ${index}`)));
    expect(calls).toHaveLength(20);
  }
  const closed = connected.map(({ client }) => new Promise<void>((resolve) => client.onClose(resolve)));
  await listener.close();
  await Promise.all([...closed, accepting]);
});
