import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, LookupFunction } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";
import { CERTIFICATE, PRIVATE_KEY, rejectionOf } from "@parley/test-assertions";
import { afterEach, describe, expect, it } from "vitest";
import { createDidResolver, didWebMethod, type DidDocument, type DidErrorCode, type DidWebOptions } from "../../src/index.ts";
import { createNodeFetch, type NodeFetchOptions } from "../../src/node/index.ts";
import { expectDidError } from "../expect-error.ts";

const servers: Server[] = [];

async function listen(handler: RequestListener, server: Server = createServer()): Promise<number> {
  server.on("request", handler).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server of the documents of whatever DIDs its host is asked for. */
const documents: RequestListener = ({ headers, url = "" }, response) => {
  const path = url.slice(1, -"/did.json".length).split("/");
  const did = ["did:web", encodeURIComponent(headers.host ?? ""), ...(path[0] === ".well-known" ? [] : path)].join(":");
  response.setHeader("content-type", "application/did+json");
  response.end(JSON.stringify({ id: did }));
};

function encoded(coding: string, body: Buffer): RequestListener {
  return (_, response) => response.writeHead(200, { "content-type": "application/json", "content-encoding": coding }).end(body);
}

function resolve(did: string, web: Partial<DidWebOptions> = {}, node: NodeFetchOptions = {}): Promise<DidDocument> {
  const methods = didWebMethod({ fetch: createNodeFetch(node), ...web });
  return createDidResolver({ methods }).resolve(did);
}

const toLoopback: LookupFunction = (_hostname, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]);

describe("createNodeFetch", () => {
  it("fetches over http from loopback names when both are allowed", async () => {
    const port = await listen(documents);
    for (const did of [`did:web:localhost%3A${port}`, `did:web:alice.localhost%3A${port}:agents:a`]) {
      expect((await resolve(did, { httpForLoopback: true }, { allow: ["loopback"] })).id).toBe(did);
    }
  });

  it("connects to the configured origin and sends the DID's host", async () => {
    const hosts = {
      "alice-test.localhost": `http://127.0.0.1:${await listen(documents)}`,
      "b.example": `http://localhost:${await listen(documents)}`,
    };
    for (const did of ["did:web:alice-test.localhost:agent", "did:web:b.example"]) expect((await resolve(did, { hosts })).id).toBe(did);
  });

  it("fetches over https, for the name in the certificate", async () => {
    const port = await listen(documents, createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }));
    const node: NodeFetchOptions = { allow: ["loopback"], lookup: toLoopback, ca: CERTIFICATE };
    const did = `did:web:tls.example%3A${port}`;
    expect((await resolve(did, {}, node)).id).toBe(did);
    const hosts = { "tls.example": `https://127.0.0.1:${port}`, "other.example": `https://127.0.0.1:${port}` };
    expect((await resolve("did:web:tls.example", { hosts }, { ca: CERTIFICATE })).id).toBe("did:web:tls.example");
    expectDidError(await rejectionOf(resolve("did:web:other.example", { hosts }, { ca: CERTIFICATE })), "fetch_failed");
    expectDidError(await rejectionOf(resolve(`did:web:other.example%3A${port}`, {}, node)), "fetch_failed");
    expectDidError(await rejectionOf(resolve(did, {}, { allow: ["loopback"], lookup: toLoopback })), "fetch_failed");
  });

  it("rejects loopback names unless allowed", async () => {
    const port = await listen(documents);
    expectDidError(await rejectionOf(resolve(`did:web:localhost%3A${port}`, { httpForLoopback: true })), "refused_address");
  });

  it("rejects disallowed hosts that are IP addresses", async () => {
    const port = await listen(documents);
    for (const host of ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"]) {
      const url = new URL(`http://${host}:${port}/did.json`);
      const request = { url, accept: "*/*", signal: new AbortController().signal };
      expectDidError(await rejectionOf(createNodeFetch()(request)), "refused_address");
    }
  });

  it("never connects to a name that DNS resolves to this machine", async () => {
    let connections = 0;
    const port = await listen(documents);
    servers[0]?.on("connection", () => (connections += 1));
    expectDidError(await rejectionOf(resolve(`did:web:evil.example%3A${port}`, {}, { lookup: toLoopback })), "refused_address");
    expect(connections).toBe(0);
  });

  it("connects to the checked address, even if the name then resolves to another one", async () => {
    const answers = ["127.0.0.1", "8.8.8.8"];
    const asked: string[] = [];
    const lookup: LookupFunction = (hostname, _options, callback) => {
      asked.push(hostname);
      callback(null, [{ address: answers.shift() ?? "", family: 4 }]);
    };
    // TLS fails on this plain server, after the connection to the first answer: the name is resolved once.
    const port = await listen(documents);
    const connected = once(servers[0] as Server, "connection");
    expectDidError(await rejectionOf(resolve(`did:web:rebind.example%3A${port}`, {}, { lookup, allow: ["loopback"] })), "fetch_failed");
    await connected;
    expect(asked).toEqual(["rebind.example"]);
  });

  it.each<[string, (body: Buffer) => Buffer]>([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["GZIP", gzipSync],
    ["deflate", deflateSync],
    ["identity", (body) => body],
  ])("decodes a document in the content coding %s", async (coding, encode) => {
    const asked: unknown[] = [];
    const port = await listen(({ headers }, response) => {
      asked.push(headers["accept-encoding"]);
      response.writeHead(200, { "content-type": "application/did+json", "content-encoding": coding });
      response.end(encode(Buffer.from(JSON.stringify({ id: "did:web:a.example" }))));
    });
    const { id } = await resolve("did:web:a.example", { hosts: { "a.example": `http://127.0.0.1:${port}` } });
    expect([id, asked]).toEqual(["did:web:a.example", ["gzip, deflate"]]);
  });

  it.each<[string, RequestListener, DidErrorCode]>([
    ["an unknown content coding", encoded("br", Buffer.from("{}")), "fetch_failed"],
    ["several content codings", encoded("gzip, gzip", gzipSync(gzipSync("{}"))), "fetch_failed"],
    ["a body that is not gzip", encoded("gzip", Buffer.from("{}")), "fetch_failed"],
    ["gzip that is cut", encoded("gzip", gzipSync(JSON.stringify({ id: "did:web:a.example" })).subarray(0, -9)), "fetch_failed"],
    ["gzip that becomes too large", encoded("gzip", gzipSync(Buffer.alloc(64 << 20, " "))), "too_large"],
    [
      "gzip that becomes nothing, without end",
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
        const empty = gzipSync("");
        const more = (): void => void response.write(empty, (error) => (error ? undefined : setImmediate(more)));
        more();
      },
      "timeout",
    ],
    ["a redirect", (_, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(), "fetch_failed"],
    ["no such document", (_, response) => response.writeHead(404).end(), "not_found"],
    ["another type", (_, response) => response.setHeader("content-type", "text/html").end("<p>"), "document_invalid"],
    [
      "a document without end",
      (_, response) => {
        response.setHeader("content-type", "application/json");
        const more = (): void => void response.write(Buffer.alloc(65_536, " "), (error) => (error ? undefined : more()));
        more();
      },
      "too_large",
    ],
    ["headers that are too long", (_, response) => response.writeHead(200, { x: "x".repeat(10_000) }).end("{}"), "fetch_failed"],
    [
      "a connection cut in the middle",
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": 9 });
        response.write("{", () => response.destroy());
      },
      "fetch_failed",
    ],
    ["nothing", ({ socket }) => socket.destroy(), "fetch_failed"],
    ["silence", () => {}, "timeout"],
    [
      "a byte every few milliseconds",
      (_, response) => {
        response.setHeader("content-type", "application/json");
        const timer = setInterval(() => response.write(" "), 5);
        response.on("close", () => clearInterval(timer));
      },
      "timeout",
    ],
  ])("reports %s, and closes the connection", async (_, handler, code) => {
    const port = await listen(handler);
    const closed = new Promise((resolve) => servers[0]?.on("connection", (socket) => socket.on("close", resolve).on("error", () => {})));
    const web = { hosts: { "a.example": `http://127.0.0.1:${port}` }, timeoutMs: 200 };
    expectDidError(await rejectionOf(resolve("did:web:a.example", web)), code);
    await closed;
  });
});
