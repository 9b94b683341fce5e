import { describe, expect, it } from "vitest";

import { Client, logErrors, type Config, type ErrorHandler } from "../src/index.ts";
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
    ["an invalid DID", { ...endpoint, transport: makeTransport, agentDid: "alice" }, /Config\.agentDid must be a DID.*"alice" is not one/],
    [
      "a DID with a space",
      { ...endpoint, transport: makeTransport, agentDid: "did:web:alice smith" },
      /"did:web:alice smith" has the character " ", which DIDs can't have/,
    ],
    ["a DID URL", { ...endpoint, transport: makeTransport, agentDid: "did:web:alice.example#key" }, /the character "#"/],
    ["a DID without an end", { ...endpoint, transport: makeTransport, agentDid: "did:web:alice:" }, /is not one/],
    ["a misspelt option", { ...endpoint, transport: makeTransport, apikey: "k" }, /Unknown option "apikey"\. Did you mean "apiKey"\?/],
    ["an option of the Python SDK", { ...endpoint, transport: makeTransport, agent_did: "did:example:a" }, /Did you mean "agentDid"\?/],
    ["a text for a flag", { ...endpoint, transport: makeTransport, exposeErrors: "no" }, /Config\.exposeErrors must be true or false/],
    ["no room for handlers", { ...endpoint, transport: makeTransport, maxConcurrentHandlers: 0 }, /Config\.maxConcurrentHandlers/],
    ["half a queue", { ...endpoint, transport: makeTransport, maxQueuedMessages: 0.5 }, /Config\.maxQueuedMessages/],
    ["no memory", { ...endpoint, transport: makeTransport, duplicateMemory: -1 }, /Config\.duplicateMemory/],
    ["a negative timeout", { ...endpoint, transport: makeTransport, requestTimeoutMs: -1 }, /"requestTimeoutMs" must be a number/],
    ["a grace that is NaN", { ...endpoint, transport: makeTransport, closeGraceMs: Number.NaN }, /"closeGraceMs" must be a number/],
  ])("rejects %s with a TypeError that names the remedy", (_name, config, message) => {
    const make = () => new Client(config as unknown as Config, () => {});
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it("never shows the API key", () => {
    const make = () => new Client({ ...endpoint, nodeUrl: "", transport: makeTransport }, () => {});
    expect(make).toThrow(expect.objectContaining({ message: expect.not.stringContaining("secret-key") }));
  });

  it.each([undefined, null, {}])("requires an error handler, not %s", (onError) => {
    expect(() => new Client({ ...endpoint, transport: makeTransport }, onError as never)).toThrow(/needs an error handler/);
  });

  it("rejects logErrors without its call, which would report nothing", () => {
    const make = () => new Client({ ...endpoint, transport: makeTransport }, logErrors as unknown as ErrorHandler);
    expect(make).toThrow(new TypeError("The error handler is logErrors itself: pass what it returns, logErrors()"));
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
