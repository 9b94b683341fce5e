import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ALICE, ALICE_TOPIC, connect, FAST, MESSAGE, next, startServer, transportTo } from "./fixture.ts";
import { PhoenixServer } from "./phoenix-server.ts";

describe("reconnecting", () => {
  it("reconnects, reports it, and delivers again", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    const deliveries = connection.deliveries[Symbol.asyncIterator]();
    server.client.drop();
    await events.until(() => events.reconnects === 1);
    expect(events.disconnects).toMatchObject([{ code: "disconnected" }]);
    expect(connection.connected).toBe(true);
    server.client.deliver(ALICE_TOPIC, MESSAGE);
    expect((await next(deliveries)).plaintext).toEqual(MESSAGE);
    await connection.send(MESSAGE);
  });

  it("rejoins under the assigned DID, on its own topic", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server), {});
    const { did } = connection;
    await connection.send(MESSAGE);
    expect(server.framesOf("message")[0]?.[2]).toBe("plugins:");
    server.client.drop();
    await events.until(() => events.reconnects === 1);
    const [joinRef, ref, topic, , payload] = await server.frame("phx_join", 2);
    expect(topic).toBe(`plugins:${did}`);
    expect(joinRef).toBe(ref);
    expect(payload).toMatchObject({ did_spec: { mode: "Create", storage: "ephemeral" } });
    expect(connection.did).toBe(did);
    await connection.send(MESSAGE);
    expect(server.framesOf("message")[1]?.[2]).toBe(`plugins:${did}`);
  });

  it("receives messages on the assigned DID's topic immediately", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server), {});
    server.client.deliver(`plugins:${connection.did}`, MESSAGE);
    const delivery = await next(connection.deliveries[Symbol.asyncIterator]());
    expect(delivery.plaintext).toEqual(MESSAGE);
  });

  it("brings every DID of the socket back", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const all = [await connect(transport), await connect(transport, { did: "did:web:node.example:bob" }), await connect(transport, {})];
    server.client.drop();
    for (const { events } of all) await events.until(() => events.reconnects === 1);
    expect(server.clients).toHaveLength(2);
    for (const { connection } of all) await connection.send(MESSAGE);
  });

  it("keeps trying while the node is away", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    const { port } = server;
    await server.stop();
    await events.until(() => events.disconnects.length === 1);
    const refusing = await PhoenixServer.start(port);
    refusing.admit = () => 503;
    await refusing.until(() => refusing.upgrades.length >= 3);
    await refusing.stop();
    await server.listen(port);
    await events.until(() => events.reconnects === 1);
    expect(events.disconnects).toHaveLength(1);
    await connection.send(MESSAGE);
  });

  it("waits longer each time, up to the longest", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { backoff: { initialMs: 8, maxMs: 30, random: () => 0 } }));
    server.admit = () => 503;
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => timers.mockRestore());
    server.client.drop();
    await server.until(() => server.upgrades.length === 6);
    // Longer timers guard handshakes; a wait has half its ceiling without luck.
    const waits = timers.mock.calls.map(([, ms = 0]) => ms).filter((ms) => ms > 0 && ms <= 30);
    expect(waits.slice(0, 5)).toEqual([4, 8, 15, 15, 15]);
    server.admit = () => undefined;
    await events.until(() => events.reconnects === 1);
    await connection.close();
  });

  it.each([401, 403])("ends every connection with unauthorized when the key is rejected with %s on a reconnect", async (status) => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection, events } = await connect(transport);
    const other = await connect(transport, { did: "did:web:node.example:bob" });
    server.admit = () => status;
    const ended = [connection, other.connection].map((each) => rejectionOf(next(each.deliveries[Symbol.asyncIterator]())));
    server.client.drop();
    for (const error of await Promise.all(ended)) expect(error).toMatchObject({ code: "unauthorized" });
    expect(events.disconnects).toMatchObject([{ code: "disconnected" }]);
    expect(await rejectionOf(connection.send(MESSAGE))).toMatchObject({ code: "closed" });
    expect(server.upgrades).toHaveLength(2);
    // The transport itself is as good as new.
    server.admit = () => undefined;
    await connect(transport);
  });

  it("ends with join_refused when the rejoin is rejected", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    server.behaviour = (frame, client) => client.reply(frame, "error", { reason: "unauthorized" });
    const ended = rejectionOf(next(connection.deliveries[Symbol.asyncIterator]()));
    server.client.drop();
    expect(await ended).toMatchObject({ code: "join_refused", reason: "unauthorized" });
    expect(events.disconnects).toHaveLength(1);
    expect(events.reconnects).toBe(0);
    await server.until(() => server.client.socket.readyState === 3);
    expect(server.framesOf("phx_join")).toHaveLength(2);
  });

  it("delivers what it had received before it ends with the rejection", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    const deliveries = connection.deliveries[Symbol.asyncIterator]();
    server.client.deliver(ALICE_TOPIC, MESSAGE);
    await connection.send(MESSAGE);
    server.behaviour = (frame, client) => client.reply(frame, "error", { reason: "unauthorized" });
    server.client.drop();
    await events.until(() => events.disconnects.length === 1);
    expect((await next(deliveries)).plaintext).toEqual(MESSAGE);
    expect(await rejectionOf(next(deliveries))).toMatchObject({ code: "join_refused" });
  });

  it("tries again while the node still holds the DID for the link that broke", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    let refusals = 0;
    server.behaviour = (frame, client) => {
      if (frame[3] !== "phx_join" || ++refusals > 2) return "default";
      return client.reply(frame, "error", { reason: "e.connect.plugin.failed: protocols_already_bound" });
    };
    server.client.drop();
    await events.until(() => events.reconnects === 1);
    expect(server.framesOf("phx_join")).toHaveLength(4);
    expect(events.disconnects).toHaveLength(1);
    await connection.send(MESSAGE);
  });

  it("tries a rejoin again that was not answered, after leaving it", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { timeouts: { joinMs: 150 } }));
    let ignored = 0;
    server.behaviour = ([, , , event]) => (event === "phx_join" && ++ignored === 1 ? "ignore" : "default");
    server.client.drop();
    await events.until(() => events.reconnects === 1);
    const [, unanswered] = server.framesOf("phx_join");
    expect(server.framesOf("phx_leave").map((frame) => frame[0])).toEqual([unanswered?.[0]]);
    expect(events.disconnects).toHaveLength(1);
    await connection.send(MESSAGE);
  });

  it("rejoins a channel that crashed, under the assigned DID, and fails what was in flight", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection, events } = await connect(transport, {});
    const bystander = await connect(transport);
    server.behaviour = (frame, client) => {
      if (frame[3] !== "message") return "default";
      client.push(frame[2], "phx_error", {});
      return "ignore";
    };
    expect(await rejectionOf(connection.send(MESSAGE))).toMatchObject({ code: "disconnected" });
    expect(events.disconnects).toMatchObject([{ code: "disconnected", message: "The channel crashed at the node" }]);
    await events.until(() => events.reconnects === 1);
    expect(server.framesOf("phx_join").at(-1)?.[2]).toBe(`plugins:${connection.did}`);
    expect(server.clients).toHaveLength(1);
    expect(bystander.events.disconnects).toEqual([]);
  });

  it("leaves and ends when the node gives another DID than before", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection } = await connect(transport, {});
    const bystander = await connect(transport);
    server.behaviour = (frame, client) => {
      if (frame[3] !== "phx_join" || frame[2] === ALICE_TOPIC) return "default";
      client.joins.set(frame[2], String(frame[1]));
      return client.reply(frame, "ok", { did: "did:web:node.example:somebody-else" });
    };
    const ended = rejectionOf(next(connection.deliveries[Symbol.asyncIterator]()));
    server.client.drop();
    expect(await ended).toMatchObject({ code: "join_refused" });
    expect((await server.frame("phx_leave"))[2]).toBe(`plugins:${connection.did}`);
    await bystander.events.until(() => bystander.events.reconnects === 1);
    await bystander.connection.send(MESSAGE);
  });

  it("ends with taken_over when the node closes the channel", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection, events } = await connect(transport);
    const other = await connect(transport, { did: "did:web:node.example:bob" });
    server.behaviour = ([, , , event]) => (event === "message" ? "ignore" : "default");
    const sending = rejectionOf(connection.send(MESSAGE));
    await server.frame("message");
    server.client.push(ALICE_TOPIC, "phx_close", {});
    expect(await rejectionOf(next(connection.deliveries[Symbol.asyncIterator]()))).toMatchObject({ code: "taken_over" });
    expect(await sending).toMatchObject({ code: "disconnected" });
    expect(events.disconnects).toMatchObject([{ code: "taken_over" }]);
    expect(connection.connected).toBe(false);
    expect(other.connection.connected).toBe(true);
    server.behaviour = () => "default";
    await other.connection.send(MESSAGE);
    await connect(transport, { did: ALICE });
    expect(server.clients).toHaveLength(1);
  });

  it("ignores what an earlier stay on the topic left behind", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    for (const event of ["phx_close", "phx_error", "message"]) {
      server.client.raw(JSON.stringify(["999", null, ALICE_TOPIC, event, { plaintext: MESSAGE }]));
    }
    await connection.send(MESSAGE);
    expect(events.faults).toEqual([]);
    expect(events.disconnects).toEqual([]);
    await connection.close();
    for await (const _ of connection.deliveries) throw new Error("delivered");
  });

  it("detects a silent node, and fails the sends in flight", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { timeouts: { silenceMs: 150 } }));
    server.client.blackHole();
    const error = await rejectionOf(connection.send(MESSAGE));
    expect(error).toMatchObject({ code: "disconnected" });
    await events.until(() => events.reconnects === 1);
    await connection.send(MESSAGE);
  });

  it("notices a heartbeat that is not answered", async () => {
    const server = await startServer();
    const { events } = await connect(transportTo(server, { timeouts: { heartbeatMs: 60, leaveMs: 20 } }));
    server.behaviour = ([, , , event]) => (event === "heartbeat" && server.clients.length === 1 ? "ignore" : "default");
    await events.until(() => events.reconnects === 1);
    expect(server.framesOf("heartbeat")[0]).toMatchObject([null, expect.any(String), "phoenix", "heartbeat", {}]);
  });

  it("stays up for as long as the node answers heartbeats", async () => {
    const server = await startServer();
    const { events } = await connect(transportTo(server, { timeouts: { heartbeatMs: 100, silenceMs: 350 } }));
    await server.frame("heartbeat", 5);
    expect(events.disconnects).toEqual([]);
  });

  it("counts pings as signs of life", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { timeouts: { silenceMs: 300 } }));
    const { socket } = server.client;
    let pongs = 0;
    await new Promise<void>((resolve) => {
      socket.on("pong", () => (++pongs === 8 ? resolve() : setTimeout(() => socket.ping(), 60)));
      socket.ping();
    });
    expect(events.disconnects).toEqual([]);
    expect(connection.connected).toBe(true);
  });

  it("gives a new connection a link of its own while the old one is down", async () => {
    const server = await startServer();
    const transport = transportTo(server, { backoff: { initialMs: 60_000, maxMs: 60_000 } });
    const { events } = await connect(transport);
    server.client.drop();
    await events.until(() => events.disconnects.length === 1);
    const { connection } = await connect(transport, { did: "did:web:node.example:bob" });
    await connection.send(MESSAGE);
    expect(server.clients).toHaveLength(2);
  });

  it("survives listeners that throw", async () => {
    const server = await startServer();
    const fail = () => {
      throw new Error("listener");
    };
    const seen: string[] = [];
    const connection = await transportTo(server, { backoff: FAST }).connect({
      did: ALICE,
      protocols: [],
      events: { onDisconnect: fail, onFault: fail, onReconnect: () => (seen.push("reconnect"), fail()) },
    });
    server.client.raw("nonsense");
    await connection.send(MESSAGE);
    server.client.drop();
    await server.until(() => server.framesOf("phx_join").length === 2);
    await expect.poll(() => seen).toHaveLength(1);
    await connection.send(MESSAGE);
    await connection.close();
    expect(server.framesOf("message")).toHaveLength(2);
  });
});
