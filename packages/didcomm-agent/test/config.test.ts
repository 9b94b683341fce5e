import { describe, expect, it } from "vitest";

import { Client, type Config } from "../src/index.ts";
import { FakeTransport, setUp } from "./support.ts";

const makeTransport = () => new FakeTransport();
const endpoint = { nodeUrl: "wss://node.example/plugin_socket/websocket", apiKey: "secret-key" };

describe("Config", () => {
  it.each([
    ["nothing", undefined, /needs a Config/],
    ["no transport", endpoint, /Config\.transport is missing/],
    ["no nodeUrl", { apiKey: "k", transport: makeTransport }, /Config\.nodeUrl is missing: the WebSocket URL/],
    ["an empty nodeUrl", { ...endpoint, nodeUrl: "", transport: makeTransport }, /Config\.nodeUrl is missing/],
    ["no apiKey", { nodeUrl: "wss://n.example", transport: makeTransport }, /Config\.apiKey is missing/],
    ["a DID that is none", { ...endpoint, transport: makeTransport, agentDid: "alice" }, /Config\.agentDid must be a DID/],
    ["no room for handlers", { ...endpoint, transport: makeTransport, maxConcurrentHandlers: 0 }, /Config\.maxConcurrentHandlers/],
    ["half a queue", { ...endpoint, transport: makeTransport, maxQueuedMessages: 0.5 }, /Config\.maxQueuedMessages/],
    ["no memory", { ...endpoint, transport: makeTransport, duplicateMemory: -1 }, /Config\.duplicateMemory/],
    ["a timeout that overflows", { ...endpoint, transport: makeTransport, requestTimeoutMs: 2 ** 31 }, /Config\.requestTimeoutMs/],
    ["a grace that is NaN", { ...endpoint, transport: makeTransport, closeGraceMs: Number.NaN }, /Config\.closeGraceMs/],
  ])("refuses %s with a TypeError that says what to do", (_name, config, message) => {
    const make = () => new Client(config as unknown as Config, () => {});
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it("never shows the API key", () => {
    const make = () => new Client({ ...endpoint, nodeUrl: "", transport: makeTransport }, () => {});
    expect(make).toThrow(expect.objectContaining({ message: expect.not.stringContaining("secret-key") }));
  });

  it("requires an error handler", () => {
    expect(() => new Client({ ...endpoint, transport: makeTransport }, undefined as never)).toThrow(/error handler/);
  });

  it("makes one transport from the endpoint, or shares a given one", async () => {
    const made: unknown[] = [];
    const own = new Client({ ...endpoint, transport: (given) => (made.push(given), new FakeTransport()) }, () => {});
    await own.connect();
    await own.close();
    expect(made).toEqual([endpoint]);

    const shared = new FakeTransport();
    const clients = ["did:example:a", "did:example:b"].map((agentDid) => new Client({ agentDid, transport: shared }, () => {}));
    await Promise.all(clients.map((client) => client.connect()));
    expect(shared.connections.map(({ did }) => did)).toEqual(["did:example:a", "did:example:b"]);
    await clients[0]?.close();
    expect(shared.connections.map(({ closed }) => closed)).toEqual([true, false]);
    await clients[1]?.close();
  });

  it("takes the DID that the node assigns", async () => {
    const transport = new FakeTransport();
    const client = new Client({ transport }, () => {});
    expect(() => client.did).toThrow(expect.objectContaining({ code: "not_connected" }));
    await client.connect();
    expect(client.did).toBe("did:example:assigned");
    expect(transport.attempts[0]).not.toHaveProperty("did");
    await client.close();
    expect(setUp().client.did).toBe("did:example:bob");
  });
});
