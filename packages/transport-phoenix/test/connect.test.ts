import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { RejectedError } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it, onTestFinished } from "vitest";
import { PhoenixTransport, type PhoenixTransportOptions } from "../src/index.ts";
import { ALICE, ALICE_TOPIC, connect, startServer, transportTo } from "./fixture.ts";
import { PhoenixServer } from "./phoenix-server.ts";
import { Recorder } from "./recorder.ts";

describe("connect", () => {
  it("sends the key in the header and the URL as given, with vsn added", async () => {
    const server = await startServer();
    await connect(transportTo(server, { nodeUrl: `${server.url}?tenant=a%20b`, headers: { "x-trace": "1" } }));
    expect(server.upgrades[0]?.url).toBe("/plugin_socket/websocket?tenant=a%20b&vsn=2.0.0");
    expect(server.upgrades[0]?.headers).toMatchObject({ "x-api-key": "secret-key", "x-trace": "1", host: `127.0.0.1:${server.port}` });
  });

  it("reaches *.localhost on loopback under its own name", async () => {
    const server = await startServer();
    await connect(transportTo(server, { nodeUrl: `http://alice.localhost:${server.port}/plugin_socket/websocket` }));
    expect(server.upgrades[0]?.headers.host).toBe(`alice.localhost:${server.port}`);
  });

  it("joins the DID's topic with join_ref equal to ref, and the payload of a plugin", async () => {
    const server = await startServer();
    const protocols = [
      "https://layr8.io/protocols/echo/1.0",
      "https://didcomm.org/report-problem/2.0",
      "https://layr8.io/protocols/echo/1.0",
    ];
    const { connection } = await connect(transportTo(server), { did: ALICE, protocols });
    const [joinRef, ref, topic, , payload] = await server.frame("phx_join");
    expect(topic).toBe(ALICE_TOPIC);
    expect(joinRef).toBe(ref);
    expect(payload).toEqual({
      payload_types: ["https://didcomm.org/report-problem/2.0", "https://layr8.io/protocols/echo/1.0"],
      reply_protocol: true,
      did_spec: {
        mode: "Create",
        storage: "persistent",
        type: "plugin",
        verificationMethods: [{ purpose: "authentication" }, { purpose: "assertionMethod" }, { purpose: "keyAgreement" }],
      },
    });
    expect(connection.did).toBe(ALICE);
    expect(connection.connected).toBe(true);
  });

  it("asks for extensions only where the node has answered the offer of frame batches", async () => {
    const server = await startServer();
    server.maxBatchBytes = 65_536;
    await connect(transportTo(server), { did: ALICE });
    const [, , , , payload] = await server.frame("phx_join");
    expect(payload).toMatchObject({ capabilities: ["early_delivery/1", "answer_ack/1", "wallet_watch/1"] });
  });

  it("takes mode and storage from the options", async () => {
    const server = await startServer();
    await connect(transportTo(server, { didSpec: { mode: "Require", storage: "ephemeral" } }));
    const [, , , , payload] = await server.frame("phx_join");
    expect(payload).toMatchObject({ did_spec: { mode: "Require", storage: "ephemeral" } });
  });

  it("takes the DID that the node assigns", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server), { protocols: [] });
    const [, , topic, , payload] = await server.frame("phx_join");
    expect(topic).toBe("plugins:");
    expect(payload).toMatchObject({ did_spec: { storage: "ephemeral" } });
    expect(connection.did).toBe("did:web:node.example:ephemeral-1");
  });

  it("carries several DIDs on one socket, and gives equal topics a socket each", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const [a, b, c, d] = await Promise.all([
      connect(transport, { did: ALICE }),
      connect(transport, { did: "did:web:node.example:bob" }),
      connect(transport, {}),
      connect(transport, {}),
    ]);
    expect(server.clients).toHaveLength(2);
    expect([...(server.clients[0]?.joins.keys() ?? [])]).toEqual([ALICE_TOPIC, "plugins:did:web:node.example:bob", "plugins:"]);
    expect(new Set([a, b, c, d].map(({ connection }) => connection.did)).size).toBe(4);
    await connect(transport, { did: ALICE, protocols: ["https://layr8.io/protocols/echo/1.0"] });
    expect(server.clients[1]?.joins.has(ALICE_TOPIC)).toBe(true);
  });

  it.each([
    ["no members", {}, "first"],
    ["members of wrong types", { did: 7, capabilities: "reply_protocol/1" }, "first"],
    ["other capabilities", { capabilities: ["wildcard/1", 3] }, "first"],
    ["reply_protocol/1", { did: ALICE, capabilities: ["wildcard/1", "reply_protocol/1"] }, "outcome"],
  ])("accepts a join reply with %s", async (_name, response, acknowledge) => {
    const server = await startServer();
    server.behaviour = (frame, client) => {
      if (frame[3] !== "phx_join") return "default";
      client.joins.set(frame[2], String(frame[1]));
      // In one write: the message must not overtake the reply that determines how it is acknowledged.
      client.reply(frame, "ok", response);
      client.deliver(frame[2], { id: "m1" });
      return "ignore";
    };
    const { connection } = await connect(transportTo(server));
    expect(connection.did).toBe(ALICE);
    for await (const delivery of connection.deliveries) {
      expect(delivery.acknowledge).toBe(acknowledge);
      break;
    }
  });

  it.each([
    [{ took_over: true }, true],
    [{ took_over: "yes" }, false],
    [{}, false],
  ])("reads from the join reply %j whether it took the DID over", async (response, tookOver) => {
    const server = await startServer();
    server.behaviour = (frame, client) => {
      if (frame[3] !== "phx_join") return "default";
      client.joins.set(frame[2], String(frame[1]));
      return client.reply(frame, "ok", response);
    };
    const { connection, events } = await connect(transportTo(server));
    expect(connection.tookOver).toBe(tookOver);
    // A rejoin may take the DID from this connection's own broken link.
    server.client.drop();
    await events.until(() => events.reconnects === 1);
    expect(connection.tookOver).toBe(tookOver);
  });

  it("names the DID, the reason and the node's comment when the node rejects the join", async () => {
    const server = await startServer();
    let response: object = { reason: "unauthorized" };
    server.behaviour = (frame, client) => (frame[3] === "phx_join" ? client.reply(frame, "error", response) : "default");
    const refusal = () => rejectionOf(transportTo(server).connect({ did: ALICE, protocols: [], events: new Recorder() }));
    const text = `The node at ${server.url} refused ${ALICE}: unauthorized`;
    expect(await refusal()).toMatchObject({ message: `${text} (the API key may not use this DID)`, reason: "unauthorized" });
    response = { reason: "unauthorized", comment: "this key may bind did:web:other.example:*" };
    expect(await refusal()).toMatchObject({ message: `${text} (this key may bind did:web:other.example:*)` });
  });

  it("ends with connect_failed when the node assigns no DID", async () => {
    const server = await startServer();
    server.behaviour = (frame, client) => (frame[3] === "phx_join" ? client.reply(frame, "ok", { did: "" }) : "default");
    const error = await rejectionOf(transportTo(server).connect({ protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({ code: "connect_failed", message: "The node accepted the join but assigned no DID" });
  });

  it.each([
    ["a reason", { reason: "e.connect.plugin.failed: protocols_already_bound" }, "e.connect.plugin.failed: protocols_already_bound"],
    ["a reason that is not a string", { reason: 7 }, "no reason given (status error)"],
    ["no response", undefined, "no reason given (status error)"],
  ])("fails a rejected join with %s, without a retry", async (_name, response, reason) => {
    const server = await startServer();
    server.behaviour = (frame, client) => (frame[3] === "phx_join" ? client.reply(frame, "error", response) : "default");
    const error = await rejectionOf(transportTo(server).connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({ code: "join_refused", reason, retryable: false });
    await server.until(() => server.client.socket.readyState === 3);
    expect(server.framesOf("phx_join")).toHaveLength(1);
  });

  it("leaves a join that is answered late, and ends with connect_failed", async () => {
    const server = await startServer();
    server.behaviour = ([, , , event]) => (event === "phx_join" ? "ignore" : "default");
    const error = await rejectionOf(
      transportTo(server, { timeouts: { joinMs: 20 } }).connect({ did: ALICE, protocols: [], events: new Recorder() }),
    );
    const message = `The node at ${server.url} did not answer the join of ${ALICE} within 20 ms`;
    expect(error).toMatchObject({ code: "connect_failed", message, retryable: true });
    const [joinRef] = await server.frame("phx_leave");
    expect(joinRef).toBe(server.framesOf("phx_join")[0]?.[0]);
  });

  it("ends with connect_failed when the link breaks during the join", async () => {
    const server = await startServer();
    server.behaviour = (_frame, client) => client.drop();
    const error = await rejectionOf(transportTo(server).connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({ code: "connect_failed" });
    expect(server.upgrades).toHaveLength(1);
  });

  it.each(["phx_error", "phx_close"])("ends with connect_failed when the node answers a join with %s", async (event) => {
    const server = await startServer();
    server.behaviour = (frame, client) => {
      if (frame[3] !== "phx_join") return "default";
      client.joins.set(frame[2], String(frame[1]));
      client.push(frame[2], event, {});
      return "ignore";
    };
    const error = await rejectionOf(transportTo(server).connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({ code: "connect_failed" });
  });

  it("fails at once when the port is closed", async () => {
    const server = await PhoenixServer.start();
    const transport = transportTo(server);
    await server.stop();
    const error = await rejectionOf(transport.connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({ code: "connect_failed", retryable: true });
    const why = `connect ECONNREFUSED 127.0.0.1:${server.port}. Is a node running? To start one: npx -p @parley/layr8-node layr8-node`;
    expect((error as Error).message).toBe(`The node at ${server.url} can't be reached: ${why}`);
  });

  it("names the URL schemes of nodes without TLS", async () => {
    const server = await startServer();
    const url = server.url.replace("ws:", "wss:");
    const error = await rejectionOf(transportTo(server, { nodeUrl: url }).connect({ did: ALICE, protocols: [], events: new Recorder() }));
    const why = "the server does not use TLS. For a node without TLS, nodeUrl begins with ws:// or http://";
    expect(error).toMatchObject({ code: "connect_failed", retryable: false, message: `The node at ${url} can't be reached: ${why}` });
  });

  it("reports a peer that is not an HTTP server", async () => {
    const other = createServer((socket) => socket.end("\0\0\0hello"));
    await once(other.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => void other.close());
    const nodeUrl = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const transport = new PhoenixTransport({ nodeUrl, apiKey: "key" });
    const error = await rejectionOf(transport.connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({ code: "connect_failed", retryable: false });
    expect((error as Error).message).toMatch(/the response is not HTTP\/1\.1: is it the port of a relay\? Check the port of nodeUrl$/);
  });

  it.each(["http", "ws"])("finds the path of an origin alone (%s)", async (scheme) => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server, { nodeUrl: `${scheme}://127.0.0.1:${server.port}` }));
    expect(connection.connected).toBe(true);
  });

  it("fails when the upgrade hangs", async () => {
    const server = await startServer();
    server.admit = () => "hang";
    const error = await rejectionOf(
      transportTo(server, { timeouts: { handshakeMs: 20 } }).connect({ did: ALICE, protocols: [], events: new Recorder() }),
    );
    expect(error).toMatchObject({ code: "connect_failed", message: expect.stringContaining("it did not answer in time. Is it a node?") });
  });

  it.each([
    [404, ". Check the path of nodeUrl: a Layr8 node has /plugin_socket/websocket", false],
    [429, ": the API key has as many connections as it may", true],
    [503, "", true],
    [301, ", which redirects: give nodeUrl the address that it leads to", false],
    [200, ", so it is not a node: check host and port of nodeUrl", false],
  ])("fails at once when the upgrade is answered with %s", async (status, more, retryable) => {
    const server = await startServer();
    server.admit = () => status;
    const error = await rejectionOf(transportTo(server).connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({
      code: "connect_failed",
      message: `The node at ${server.url} can't be reached: it answered HTTP ${status}${more}`,
      retryable,
    });
    expect(server.upgrades).toHaveLength(1);
  });

  it.each([401, 403])("tries the query when the header is answered with %s, and then keeps the method that worked", async (status) => {
    const server = await startServer();
    server.admit = (request) => (request.url?.includes("api_key=secret-key") === true ? undefined : status);
    const transport = transportTo(server);
    const { connection } = await connect(transport);
    await connection.close();
    await connect(transport);
    expect(server.upgrades.map((request) => request.headers["x-api-key"])).toEqual(["secret-key", undefined, undefined]);
    expect(server.upgrades[2]?.url).toBe("/plugin_socket/websocket?api_key=secret-key&vsn=2.0.0");
  });

  it("ends with unauthorized when neither is accepted, without the key in the error", async () => {
    const server = await startServer();
    server.admit = () => 401;
    const transport = transportTo(server, { nodeUrl: `${server.url}?token=secret-token` });
    const error = await rejectionOf(transport.connect({ did: ALICE, protocols: [], events: new Recorder() }));
    expect(error).toMatchObject({ code: "unauthorized", retryable: false });
    const refused = `The node at ${server.url} refused the API key (HTTP 401): use a key that this node gave out`;
    expect((error as Error).message).toBe(refused);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("secret");
    expect(server.upgrades).toHaveLength(2);
    // A node that has learnt the key since is asked in the same order.
    server.admit = () => undefined;
    await connect(transport);
    expect(server.upgrades[2]?.headers["x-api-key"]).toBe("secret-key");
  });

  it("uses only the query if configured", async () => {
    const server = await startServer();
    server.admit = () => 403;
    const error = await rejectionOf(
      transportTo(server, { credentials: "query" }).connect({ did: ALICE, protocols: [], events: new Recorder() }),
    );
    expect(error).toMatchObject({ code: "unauthorized" });
    expect(server.upgrades.map((request) => request.headers["x-api-key"])).toEqual([undefined]);
  });

  it.each(["before", "during the upgrade", "during the join"])("gives up when aborted %s", async (when) => {
    const server = await startServer();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    if (when === "before") controller.abort(reason);
    if (when === "during the upgrade") server.admit = () => "hang";
    server.behaviour = ([, , , event]) => (event === "phx_join" ? "ignore" : "default");
    const connecting = rejectionOf(
      transportTo(server, { timeouts: { leaveMs: 20 } }).connect({
        did: ALICE,
        protocols: [],
        events: new Recorder(),
        signal: controller.signal,
      }),
    );
    if (when === "during the upgrade") await server.until(() => server.upgrades.length > 0);
    if (when === "during the join") await server.frame("phx_join");
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    if (when === "during the join") await server.until(() => server.client.socket.readyState === 3);
  });

  it("ignores an abort once connected", async () => {
    const server = await startServer();
    const controller = new AbortController();
    const { connection } = await connect(transportTo(server), { did: ALICE, signal: controller.signal });
    controller.abort();
    await connection.send({ id: "m1" });
    expect(connection.connected).toBe(true);
  });
});

describe("options", () => {
  const good = { nodeUrl: "wss://node.example/plugin_socket/websocket", apiKey: "key" };

  it.each([
    ["no URL", { nodeUrl: "node" }, "nodeUrl is not a URL"],
    ["another scheme", { nodeUrl: "ftp://node.example/" }, "nodeUrl must begin with wss:, ws:, https: or http:, not ftp:"],
    ["an empty key", { apiKey: "" }, "apiKey must be a string that is not empty"],
    ["a key with a line break", { apiKey: "secret\r\nx: y" }, "apiKey has characters that a header can't carry"],
    ["a bad header", { headers: { "x y": "z" } }, 'headers has an invalid name: "x y"'],
    ["a zero limit", { limits: { maxFrameLength: 0 } }, "limits.maxFrameLength must be a positive integer"],
    ["a fractional timeout", { timeouts: { pushMs: 1.5 } }, "timeouts.pushMs must be a positive integer"],
    ["a misspelt option", { apikey: "key" }, 'Unknown option "apikey". Did you mean "apiKey"?'],
    ["a misspelt limit", { limits: { maxFramesLength: 1 } }, 'Did you mean "limits.maxFrameLength"?'],
    ["an unknown timeout", { timeouts: { push_ms: 5000 } }, 'Did you mean "timeouts.pushMs"?'],
    ["an unknown TLS option", { tls: { reject_unauthorized: true } }, 'Did you mean "tls.rejectUnauthorized"?'],
    ["limits that are a number", { limits: 5 }, 'Option "limits" must be an object, not a number'],
    ["an unknown mode", { didSpec: { mode: "create" } }, 'didSpec.mode must be "Create", "Require" or "Update"'],
    ["an unknown storage", { didSpec: { storage: "disk" } }, 'didSpec.storage must be "persistent" or "ephemeral"'],
    ["an endless backoff", { backoff: { maxMs: Infinity } }, "backoff.maxMs must be a positive integer"],
  ])("rejects %s with a TypeError", (_name, wrong, message) => {
    const make = () => new PhoenixTransport({ ...good, ...wrong } as PhoenixTransportOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it("rejects an empty DID with a TypeError", async () => {
    const error = await rejectionOf(new PhoenixTransport(good).connect({ did: "", protocols: [], events: new Recorder() }));
    expect(error).toBeInstanceOf(TypeError);
  });
});

describe("the node's clock", () => {
  it("is read from the Date header of the upgrade", async () => {
    const server = await startServer();
    server.date = new Date(Date.now() + 3_600_000).toUTCString();
    const { connection } = await connect(transportTo(server));
    expect(connection.clockOffsetMs).toBeGreaterThan(3_590_000);
    expect(connection.clockOffsetMs).toBeLessThan(3_602_000);
  });

  it("counts as this machine's without that header", async () => {
    const { connection } = await connect(transportTo(await startServer()));
    expect(connection.clockOffsetMs).toBe(0);
  });
});
