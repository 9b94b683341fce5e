import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startSkytale } from "../src/server.ts";
import type { SkytaleServer } from "../src/skytale-server.ts";
import { ApiClient } from "./api/api-client.ts";
import { message, RelayHarness } from "./relay/relay-harness.ts";

const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
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

describe("a server with silent connections", () => {
  let server: SkytaleServer;

  afterEach(() => server.close());

  it("answers other clients on both ports", async () => {
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

  it("serves health and metrics on a separate port, if configured", async () => {
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

it("the connection of a client that resets many streams is closed with ENHANCE_YOUR_CALM; others continue", async () => {
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

it("only a connection with a valid token may send more than HTTP/2's default window at once", async () => {
  await using harness = new RelayHarness();
  const { url } = await harness.listen();
  const session = connectHttp2(url);
  const call = async (token: string): Promise<void> => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/skytale.relay.v1.RelayService/GetHeads",
      "content-type": "application/grpc",
      authorization: `Bearer ${token}`,
    });
    // An empty message of gRPC.
    stream.end(Buffer.alloc(5));
    await once(stream.resume(), "close");
  };
  await call("nobody");
  expect(session.state.remoteWindowSize).toBe(65_535 - 5);
  await call("alice");
  await expect.poll(() => session.state.remoteWindowSize).toBeGreaterThan(200_000);
  session.close();
});
