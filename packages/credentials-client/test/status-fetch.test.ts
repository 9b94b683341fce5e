import { createServer as createTlsServer } from "node:https";
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";
import { CERTIFICATE, PRIVATE_KEY, rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { VcError } from "../src/index.ts";
import { createStatusFetch, type ResolutionOptions } from "../src/resolution.ts";
import { listen, serve } from "./http-server.ts";

const LOCAL: ResolutionOptions = { allow: ["loopback"], httpForLoopback: true };

function get(url: string, options: ResolutionOptions = {}, signal: AbortSignal = new AbortController().signal): Promise<string> {
  return createStatusFetch(options)(url, { signal, maxBytes: 1000 });
}

async function expectUnavailable(promise: Promise<string>, retryable: boolean): Promise<VcError> {
  const error = await rejectionOf(promise);
  expect(error).toBeInstanceOf(VcError);
  expect(error).toMatchObject({ code: "status_unavailable", retryable });
  return error as VcError;
}

describe("the fetch of status lists", () => {
  it("fetches a list with its query, from a loopback name if that is allowed", async () => {
    const { port, seen } = await serve((_, response) => response.end(" list\n"));
    expect(await get(`http://issuer.localhost:${port}/status?list=1#7`, LOCAL)).toBe("list");
    expect(seen).toMatchObject([{ url: "/status?list=1", headers: { host: `issuer.localhost:${port}` } }]);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
  ] as const)("decodes a list with the content coding %s, up to the size limit", async (coding, encode) => {
    const text = "x".repeat(1000);
    let sent = text;
    const { origin } = await serve((_, response) => response.writeHead(200, { "content-encoding": coding }).end(encode(sent)));
    const hosts = { "issuer.example": origin };
    expect(await get("https://issuer.example/1", { hosts })).toBe(text);
    sent = "x".repeat(10_000_000);
    const error = await expectUnavailable(get("https://issuer.example/1", { hosts }), false);
    expect(error.message).toContain("more than 1000 bytes");
  });

  it("connects to the origin of the hosts table, sends the list's Host header, and no key", async () => {
    const { origin, seen } = await serve((_, response) => response.end("list"));
    expect(await get("https://issuer.example/status/1", { hosts: { "Issuer.Example": origin } })).toBe("list");
    expect(seen).toMatchObject([{ url: "/status/1", headers: { host: "issuer.example" } }]);
    expect(seen[0]?.headers).not.toHaveProperty("x-api-key");
  });

  it("fetches it over TLS, for the name in the certificate", async () => {
    const { port } = await listen((_, response) => response.end("list"), createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }));
    const hosts = { "tls.example": `https://127.0.0.1:${port}`, "other.example": `https://127.0.0.1:${port}` };
    expect(await get("https://tls.example/1", { hosts, ca: CERTIFICATE })).toBe("list");
    await expectUnavailable(get("https://other.example/1", { hosts, ca: CERTIFICATE }), true);
    await expectUnavailable(get("https://tls.example/1", { hosts }), true);
  });

  it.each([
    "no URL",
    "http://issuer.example/1",
    "http://localhost:1/1",
    "ftp://issuer.example/1",
    "data:text/plain,list",
    "file:///etc/passwd",
    "https://user:word@issuer.example/1",
  ])("rejects %s", async (url) => {
    await expectUnavailable(get(url), false);
  });

  it("never connects to an address that is not public", async () => {
    let connections = 0;
    const { port, server } = await listen((_, response) => response.end("list"));
    server.on("connection", () => (connections += 1));
    for (const host of ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost", "a.localhost"]) {
      expect(await rejectionOf(get(`https://${host}:${port}/1`))).toBeInstanceOf(Error);
      expect(await rejectionOf(get(`http://${host}:${port}/1`, { httpForLoopback: true }))).toBeInstanceOf(Error);
    }
    expect(connections).toBe(0);
  });

  it.each<[string, RequestListener, boolean]>([
    ["a redirect", (_, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(), false],
    ["no such list", (_, response) => response.writeHead(404).end(), false],
    ["a failure", (_, response) => response.writeHead(503).end(), true],
    ["too much", (_, response) => response.end("x".repeat(1001)), false],
    ["no UTF-8", (_, response) => response.end(Buffer.from([0xff])), true],
    ["headers that are too long", (_, response) => response.writeHead(200, { x: "x".repeat(20_000) }).end("list"), true],
    ["nothing", ({ socket }) => socket.destroy(), true],
  ])("reports %s, and closes the connection", async (_, handler, retryable) => {
    const { origin, server } = await listen(handler);
    const closed = new Promise((resolve) => server.on("connection", (socket: Socket) => socket.on("close", resolve).on("error", () => {})));
    await expectUnavailable(get("https://issuer.example/1", { hosts: { "issuer.example": origin } }), retryable);
    await closed;
  });

  it("stops when its signal is aborted, with its reason", async () => {
    const abort = new AbortController();
    const reason = new Error("never mind");
    const { origin } = await listen(() => abort.abort(reason));
    const promise = get("https://issuer.example/1", { hosts: { "issuer.example": origin } }, abort.signal);
    expect(await rejectionOf(promise)).toBe(reason);
  });
});
