import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { rejectionOf } from "@parley/test-assertions";
import { afterEach, describe, expect, it } from "vitest";
import { HttpConnections, isHttpParserError, readJsonResponse, type HttpRequest, type JsonResponse } from "../../src/net/index.ts";

const open: { server: Server; connections: HttpConnections }[] = [];

async function connectionsTo(listener: RequestListener): Promise<HttpConnections> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connections = new HttpConnections(`http://127.0.0.1:${port}`, { maxConnections: 1 });
  open.push({ server, connections });
  return connections;
}

afterEach(async () => {
  for (const { server, connections } of open.splice(0)) {
    connections.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const GET: HttpRequest = { method: "GET", path: "/", headers: {}, body: undefined, signal: new AbortController().signal };

async function get(listener: RequestListener, maxBytes = 100): Promise<JsonResponse> {
  const connections = await connectionsTo(listener);
  return readJsonResponse(await connections.request(GET), maxBytes);
}

describe("HttpConnections", () => {
  it("reuses a connection whose response was read", async () => {
    let opened = 0;
    const connections = await connectionsTo((_, response) => response.end("{}"));
    open[0]?.server.on("connection", () => (opened += 1));
    for (let i = 0; i < 3; i += 1) await readJsonResponse(await connections.request(GET), 100);
    expect(opened).toBe(1);
    await expect.poll(() => connections.isIdle).toBe(true);
  });

  it("rejects with the reason of an aborted signal, before and during a request", async () => {
    const controller = new AbortController();
    const connections = await connectionsTo(() => controller.abort(new Error("no longer needed")));
    const request = { ...GET, signal: controller.signal };
    expect(await rejectionOf(connections.request(request))).toEqual(new Error("no longer needed"));
    expect(await rejectionOf(connections.request(request))).toEqual(new Error("no longer needed"));
  });

  it("fails a request in flight and one that waits for a connection when it is closed", async () => {
    const connections = await connectionsTo(() => connections.close(new Error("stopping")));
    const failures = [rejectionOf(connections.request(GET)), rejectionOf(connections.request(GET))];
    expect(await Promise.all(failures)).toEqual([new Error("stopping"), new Error("stopping")]);
  });

  it("fails a request whose response does not arrive in time, and accepts another one", async () => {
    const connections = await connectionsTo((request, response) => {
      if (request.url !== "/silent") response.end("{}");
    });
    expect(await rejectionOf(connections.request({ ...GET, path: "/silent", timeoutMs: 1 }))).toEqual(new Error("No answer in time"));
    expect((await connections.request({ ...GET, timeoutMs: 60_000 })).statusCode).toBe(200);
  });

  it("never sends a request that is aborted while it waits for a connection", async () => {
    const urls: (string | undefined)[] = [];
    let respond = (): void => {};
    const connections = await connectionsTo((request, response) => {
      urls.push(request.url);
      respond = () => response.end("{}");
    });
    const controller = new AbortController();
    const first = connections.request({ ...GET, path: "/first" });
    await expect.poll(() => urls).toEqual(["/first"]);
    const queued = rejectionOf(connections.request({ ...GET, path: "/queued", signal: controller.signal }));
    controller.abort(new Error("no longer needed"));
    expect(await queued).toEqual(new Error("no longer needed"));
    respond();
    await readJsonResponse(await first, 100);
    const last = connections.request({ ...GET, path: "/last" });
    await expect.poll(() => urls).toEqual(["/first", "/last"]);
    respond();
    await readJsonResponse(await last, 100);
  });

  it("rejects a response that is not HTTP", async () => {
    const connections = await connectionsTo((request) => request.socket.end("SSH-2.0-example\r\n"));
    expect(isHttpParserError(await rejectionOf(connections.request(GET)))).toBe(true);
  });
});

describe("readJsonResponse", () => {
  it("returns status, body and Retry-After", async () => {
    const response = await get((_, answer) => answer.writeHead(429, { "retry-after": "2" }).end('{"code":"busy"}'));
    expect(response).toEqual({ status: 429, retryAfter: "2", body: { code: "busy" }, isTooLarge: false });
  });

  it.each([
    ["not JSON", "{"],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ])("returns no body that is %s", async (_, body) => {
    expect(await get((_request, answer) => answer.end(body))).toMatchObject({ status: 200, body: undefined, isTooLarge: false });
  });

  it("stops at the size limit", async () => {
    expect(await get((_, answer) => answer.end(JSON.stringify("x".repeat(100))), 50)).toMatchObject({ body: undefined, isTooLarge: true });
  });
});
