import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { ALICE, ALICE_TOPIC, connect, MESSAGE, startServer, transportTo } from "./fixture.ts";

describe("close", () => {
  it("leaves with the topic's join_ref, closes the socket with the last connection, and can be repeated", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection } = await connect(transport);
    const other = await connect(transport, { did: "did:web:node.example:bob" });
    const joinRef = server.client.joins.get(ALICE_TOPIC);
    await Promise.all([connection.close(), connection.close()]);
    await connection.close();
    expect((await server.frame("phx_leave"))[0]).toBe(joinRef);
    expect(server.framesOf("phx_leave")).toHaveLength(1);
    expect(server.client.socket.readyState).toBe(1);
    await other.connection.send(MESSAGE);
    expect(other.events.faults).toEqual([]);
    const { socket } = server.client;
    const code = new Promise((resolve) => socket.once("close", resolve));
    await other.connection.close();
    expect(await code).toBe(1000);
  });

  it("leaves the transport usable", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection } = await connect(transport);
    await connection.close();
    const again = await connect(transport);
    await again.connection.send(MESSAGE);
    expect(server.clients).toHaveLength(2);
  });

  it("can connect the same DID while an earlier connection is leaving", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const { connection } = await connect(transport);
    const closing = connection.close();
    const again = await connect(transport);
    await closing;
    await again.connection.send(MESSAGE);
    expect(again.connection.connected).toBe(true);
  });

  it("ends deliveries and pending sends, without a disconnect", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    server.behaviour = ([, , , event]) => (event === "message" ? "ignore" : "default");
    const sending = rejectionOf(connection.send(MESSAGE));
    const iterating = connection.deliveries[Symbol.asyncIterator]().next();
    await connection.close();
    expect(await sending).toMatchObject({ code: "closed" });
    expect(await iterating).toEqual({ done: true, value: undefined });
    expect(await rejectionOf(connection.send(MESSAGE))).toMatchObject({ code: "closed", retryable: false });
    expect(connection.connected).toBe(false);
    expect(events.disconnects).toEqual([]);
  });

  it("works with await using", async () => {
    const server = await startServer();
    {
      await using connection = await transportTo(server).connect({
        did: ALICE,
        protocols: [],
        events: { onDisconnect() {}, onReconnect() {}, onFault() {} },
      });
      await connection.send(MESSAGE);
    }
    expect(server.framesOf("phx_leave")).toHaveLength(1);
  });

  it("does not wait for a node that does not answer the leave", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server, { timeouts: { leaveMs: 20 } }));
    server.client.blackHole();
    await connection.close();
    expect(connection.connected).toBe(false);
  });

  it("does not reconnect when the link breaks while leaving", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    server.behaviour = (_frame, client) => client.drop();
    await connection.close();
    expect(events.disconnects).toEqual([]);
    expect(server.upgrades).toHaveLength(1);
  });

  it("ends reconnecting while it waits for the next attempt", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { backoff: { initialMs: 60_000, maxMs: 60_000 } }));
    server.client.drop();
    await events.until(() => events.disconnects.length === 1);
    await connection.close();
    expect(await connection.deliveries[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    expect(events.reconnects).toBe(0);
  });

  it("ends reconnecting in the middle of an attempt", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    server.admit = () => "hang";
    server.client.drop();
    await server.until(() => server.upgrades.length === 2);
    await connection.close();
    expect(connection.connected).toBe(false);
  });

  it("ends reconnecting while the rejoin is under way", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { timeouts: { leaveMs: 20 } }));
    server.behaviour = ([, , , event]) => (event === "phx_join" ? "ignore" : "default");
    server.client.drop();
    const [joinRef] = await server.frame("phx_join", 2);
    await connection.close();
    expect((await server.frame("phx_leave"))[0]).toBe(joinRef);
    expect(events.reconnects).toBe(0);
  });
});
