import { createServer as createTlsServer } from "node:https";
import { createServer, type RequestListener, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { outboundLimits } from "../../../src/federation/outbound/outbound-limits.ts";
import { HttpSender } from "../../../src/federation/outbound/http-sender.ts";
import type { Target } from "../../../src/federation/outbound/endpoints.ts";
import { CERTIFICATE, PRIVATE_KEY } from "@parley/test-assertions";

const cleanups: (() => Promise<unknown>)[] = [];
let clock = 1_800_000_000_000;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function createPoster(): HttpSender {
  const httpSender = new HttpSender({ allow: ["loopback"], limits: outboundLimits(), now: () => clock });
  cleanups.push(() => httpSender.close());
  return httpSender;
}

async function listen(server: Server): Promise<{ readonly port: number; readonly sockets: readonly Socket[] }> {
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

function target(url: string, origin = new URL(url).origin, trusted = false): Target {
  return { url: new URL(url), origin, trusted };
}

const accept: RequestListener = (request, response) => {
  request.resume().on("end", () => response.writeHead(202).end());
};

it("reuses its connection", async () => {
  const { port, sockets } = await listen(createServer(accept));
  const httpSender = createPoster();
  for (let count = 0; count < 10; count++) {
    expect((await httpSender.post(target(`http://localhost:${port}/didcomm`), ["{}"])).status).toBe(202);
  }
  // The next post may begin before the end of the last answer has been read.
  expect(sockets.length).toBeLessThanOrEqual(2);
});

it("closes idle connections and opens new ones", async () => {
  const { port, sockets } = await listen(createServer(accept));
  const httpSender = createPoster();
  const to = target(`http://localhost:${port}/didcomm`);
  await httpSender.post(to, ["{}"]);
  httpSender.sweep();
  expect(sockets[0]?.destroyed).toBe(false);
  clock += 101_000;
  const closed = once(sockets[0] ?? process, "close");
  httpSender.sweep();
  await closed;
  await httpSender.post(to, ["{}"]);
  expect(sockets).toHaveLength(2);
});

it("sends path, query and Host of the endpoint to the origin of the table of hosts", async () => {
  const asked: unknown[] = [];
  const { port } = await listen(
    createServer((request, response) => {
      asked.push([request.method, request.url, request.headers.host]);
      accept(request, response);
    }),
  );
  await createPoster().post(target("https://partner.example:8443/a%20b?c=d#e", `http://127.0.0.1:${port}`, true), ["{}"]);
  expect(asked).toEqual([["POST", "/a%20b?c=d", "partner.example:8443"]]);
});

it("requires a certificate for the host of the endpoint, and posts nothing without it", async () => {
  const names: string[] = [];
  let requests = 0;
  const context = createSecureContext({ cert: CERTIFICATE, key: PRIVATE_KEY });
  const server = createTlsServer(
    {
      SNICallback: (name, done) => {
        names.push(name);
        done(null, context);
      },
    },
    () => (requests += 1),
  );
  server.on("tlsClientError", () => undefined);
  const { port } = await listen(server);
  const posted = createPoster().post(target("https://tls.example/didcomm", `https://127.0.0.1:${port}`, true), ["{}"]);
  await expect(posted).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  expect(names).toEqual(["tls.example"]);
  expect(requests).toBe(0);
});

it("reads only the beginning of an error response", async () => {
  const { port } = await listen(createServer((_, response) => response.writeHead(403).end("x".repeat(100_000))));
  const { status, body } = await createPoster().post(target(`http://localhost:${port}/`), ["{}"]);
  expect([status, body.length]).toEqual([403, 4096]);
});

it("aborts pending requests on close", async () => {
  const server = createServer();
  const { port } = await listen(server);
  const httpSender = createPoster();
  const asked = once(server, "request");
  const posted = expect(httpSender.post(target(`http://localhost:${port}/`), ["{}"])).rejects.toThrow("The node is stopping");
  await asked;
  await httpSender.close();
  await posted;
});
