import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Connections, peerOf } from "../src/connections.ts";
import { startSkytale, type SkytaleServer } from "../src/server.ts";
import { ApiClient } from "./api/api-client.ts";
import { message, RelayHarness } from "./relay/relay-harness.ts";

const sockets: Socket[] = [];
const servers: Server[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A connection from an address of this machine's own network. */
async function open(port: number, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  sockets.push(socket);
  socket.on("error", () => undefined);
  socket.resume();
  await once(socket, "connect");
  return socket;
}

const isOpen = (socket: Socket): boolean => !socket.destroyed && !socket.readableEnded;

describe("connections", () => {
  let time = 0;

  async function listen(max: number): Promise<{ connections: Connections; port: number; accepted: Socket[] }> {
    time = 0;
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket.on("error", () => undefined)));
    servers.push(server);
    const connections = new Connections({ max, now: () => time });
    connections.attach(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { connections, port: (server.address() as AddressInfo).port, accepted };
  }

  it("of one address take the place of its own that say nothing, and leave room for others", async () => {
    const { connections, port } = await listen(40);
    const silent: Socket[] = [];
    for (let number = 0; number < 60; number++) silent.push(await open(port));
    await expect.poll(() => silent.filter(isOpen).length).toBe(10);
    expect(silent.slice(-10).every(isOpen)).toBe(true);
    const other = await open(port, "127.0.0.2");
    await expect.poll(() => connections.size).toBe(11);
    expect(isOpen(other)).toBe(true);
  });

  it("of many addresses make room for one that has none, at the cost of the address with the most", async () => {
    const { connections, port } = await listen(8);
    for (let address = 2; address < 12; address++) for (let number = 0; number < 2; number++) await open(port, `127.0.0.${address}`);
    await expect.poll(() => connections.size).toBeLessThanOrEqual(8);
    const newcomer = await open(port, "127.0.0.99");
    await expect.poll(() => connections.size).toBeLessThanOrEqual(8);
    expect(isOpen(newcomer)).toBe(true);
  });

  it("that say nothing end after 10 seconds, those without a token or stream after 30, others not", async () => {
    const { connections, port, accepted } = await listen(100);
    const [silent, heard, streaming, identified] = [await open(port), await open(port), await open(port), await open(port)];
    await expect.poll(() => accepted.length).toBe(4);
    const peers = accepted.map(peerOf);
    const of = (socket: Socket): string => peers.find((peer) => peer.endsWith(`:${socket.localPort}`)) ?? "";
    connections.heard(of(heard));
    const ended = connections.began(of(streaming));
    connections.heard(of(identified));
    connections.identified(of(identified), "alice");
    time = 9999;
    connections.sweep();
    expect(connections.size).toBe(4);
    time = 10_000;
    connections.sweep();
    await expect.poll(() => isOpen(silent)).toBe(false);
    time = 30_000;
    connections.sweep();
    await expect.poll(() => isOpen(heard)).toBe(false);
    expect([streaming, identified].map(isOpen)).toEqual([true, true]);
    ended();
    connections.sweep();
    await expect.poll(() => isOpen(streaming)).toBe(false);
    expect(isOpen(identified)).toBe(true);
  });
});

describe("a server with connections that say nothing", () => {
  let server: SkytaleServer;

  afterEach(() => server.close());

  it("answers other clients on both ports", { timeout: 60_000 }, async () => {
    const limits = { api: { maxConnections: 200 }, relay: { maxConnections: 200 } };
    server = await startSkytale({ port: 0, relayPort: 0, logger: false, limits });
    for (let number = 0; number < 300; number++) await Promise.all([open(server.relayPort), open(server.apiPort)]);
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    expect((await alice.get("/v1/accounts/me")).status).toBe(200);
    const session = connectHttp2(server.relayUrl);
    await once(session, "remoteSettings");
    session.close();
  });

  it("keeps a connection without a key for 5 seconds, one with a key for longer", async () => {
    server = await startSkytale({ port: 0, relayPort: 0, logger: false });
    const health = await fetch(`${server.apiUrl}/health`);
    expect(health.headers.get("keep-alive")).toBe("timeout=5");
    const mine = await new ApiClient(server.apiUrl, server.apiKey).get("/v1/accounts/me");
    expect(mine.headers.get("keep-alive")).toBe("timeout=72");
  });

  it("has health and metrics on a port of their own, where asked to", async () => {
    server = await startSkytale({ port: 0, relayPort: 0, metricsPort: 0, logger: false });
    for (const path of ["/health", "/metrics"]) {
      expect((await fetch(`${server.metricsUrl}${path}`)).status).toBe(200);
      expect((await fetch(`${server.apiUrl}${path}`)).status).toBe(404);
    }
  });

  it("counts sign-ups by the address that the last trusted proxy has seen, IPv6 by network", async () => {
    server = await startSkytale({ port: 0, relayPort: 0, trustProxy: 1, logger: false, limits: { api: { signupsPerHour: 2 } } });
    let names = 0;
    const signUp = async (forwarded: string): Promise<number> => {
      const headers = { "content-type": "application/json", "x-forwarded-for": forwarded };
      const body = JSON.stringify({ email: `${names++}@example.org`, name: "x" });
      return (await fetch(`${server.apiUrl}/v1/accounts`, { method: "POST", headers, body })).status;
    };
    const statuses: number[] = [];
    for (let number = 0; number < 4; number++) statuses.push(await signUp(`10.0.0.${number}, 192.0.2.1`));
    expect(statuses).toEqual([201, 201, 429, 429]);
    const byNetwork: number[] = [];
    for (let number = 1; number < 4; number++) byNetwork.push(await signUp(`2001:db8:0:1::${number}`));
    expect(byNetwork).toEqual([201, 201, 429]);
    expect(await signUp("2001:db8:0:2::1")).toBe(201);
  });
});

it("a client that resets streams again and again is told to calm down, and its connection ends; others go on", async () => {
  await using harness = new RelayHarness();
  const { url } = await harness.listen();
  const session = connectHttp2(url);
  session.on("error", () => undefined);
  const goaway = new Promise<number>((resolve) => void session.once("goaway", resolve));
  const closed = new Promise<void>((resolve) => void session.once("close", resolve));
  for (let number = 0; number < 5000 && !session.destroyed; number++) {
    const stream = session.request({
      ":method": "POST",
      ":path": "/skytale.relay.v1.RelayService/Connect",
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    stream.close(constants.NGHTTP2_CANCEL);
    if (number % 50 === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  expect(await goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  await closed;
  const alice = await harness.grpcClient("alice");
  expect(await alice.publish("acme/team/general", message("x"))).toEqual({ sequence: 1 });
});
