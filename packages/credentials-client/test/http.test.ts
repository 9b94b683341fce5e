import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { inspect } from "node:util";
import { CERTIFICATE, PRIVATE_KEY, rejectionOf } from "@parley/test-assertions";
import { describe, expect, it, onTestFinished } from "vitest";
import { CredentialsClient, RestError, type CredentialsClientOptions, type RestErrorCode } from "../src/index.ts";
import { expectRestError } from "./expect-rest-error.ts";
import { listen, sendJson, serve, type TestServer } from "./http-server.ts";

const KEY = "secret-key-0123456789";
const ME = "did:web:node.example:me";
const STORED = { id: "1", holder_did: ME, credential_jwt: "jwt" };

function clientOf(nodeUrl: string, options: Partial<CredentialsClientOptions> = {}): CredentialsClient {
  const retry = { initialMs: 1, maxMs: 2 };
  const client = new CredentialsClient({ nodeUrl, apiKey: KEY, did: ME, retry, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Starts a server that sends the given responses in order, and repeats the last one. */
function answers(...turns: readonly (readonly [status: number, body: unknown, headers?: Record<string, string>])[]): Promise<TestServer> {
  let turn = 0;
  return serve((_, response) => {
    const [status, body, headers] = turns[Math.min(turn++, turns.length - 1)] ?? [500, {}];
    sendJson(response, status, body, headers);
  });
}

/** A call that reads, and one that writes. */
const get = (client: CredentialsClient, signal?: AbortSignal): Promise<unknown> => client.getCredential("1", signal ? { signal } : {});
const post = (client: CredentialsClient, signal?: AbortSignal): Promise<unknown> => client.storeCredential("jwt", signal ? { signal } : {});

describe("error responses", () => {
  it.each<[number, RestErrorCode, boolean]>([
    [400, "bad_request", false],
    [401, "unauthorized", false],
    [403, "forbidden", false],
    [404, "not_found", false],
    [405, "bad_request", false],
    [408, "bad_request", true],
    [409, "conflict", false],
    [413, "too_large", false],
    [418, "bad_request", false],
    [422, "unprocessable", false],
    [429, "rate_limited", true],
    [500, "server_error", false],
    [502, "server_error", true],
    [503, "server_error", true],
    [504, "server_error", true],
    [599, "server_error", false],
  ])("with status %i and without a code are %s", async (status, code, retryable) => {
    const { origin } = await answers([status, { error: "So it is" }]);
    const error = expectRestError(await rejectionOf(post(clientOf(origin))), code, status);
    expect(error).toMatchObject({ message: "So it is", retryable });
  });

  it("have the node's own code if it is a valid identifier", async () => {
    const { origin } = await answers(
      [403, { error: "no", code: "did_not_allowed" }],
      [403, { error: "no", code: "x\ny" }],
      [403, { code: 7 }],
    );
    const client = clientOf(origin);
    expect(await rejectionOf(post(client))).toMatchObject({ code: "did_not_allowed", status: 403 });
    expect(await rejectionOf(post(client))).toMatchObject({ code: "forbidden", message: "no" });
    expect(await rejectionOf(post(client))).toMatchObject({ code: "forbidden", message: "The node responded with status 403" });
  });

  it("never contain the API key, even if the node echoes it", async () => {
    const { origin } = await answers([401, { error: `key ${KEY} is wrong, ${KEY}!`, code: KEY }]);
    const error = expectRestError(await rejectionOf(post(clientOf(origin))), "unauthorized", 401);
    expect(error.message).toBe("key … is wrong, …!");
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(KEY);
  });

  it("have a message of one line and limited length", async () => {
    const { origin } = await answers([400, { error: `a\r\n\u001B[31m\u202E${"x".repeat(10_000)}` }]);
    const { message } = expectRestError(await rejectionOf(post(clientOf(origin))), "bad_request", 400);
    expect(message).toMatch(/^a \[31m x+…$/);
    expect(message.length).toBeLessThan(600);
  });

  it("of a proxy, in HTML, have the code of the status", async () => {
    const { origin } = await listen((_, response) => response.writeHead(413, { "content-type": "text/html" }).end("<h1>too large</h1>"));
    expectRestError(await rejectionOf(post(clientOf(origin))), "too_large", 413);
  });

  it("contain the delay of Retry-After", async () => {
    const { origin } = await answers([429, { error: "slow down" }, { "retry-after": "7" }]);
    expect(await rejectionOf(post(clientOf(origin)))).toMatchObject({ code: "rate_limited", retryAfterMs: 7000 });
  });
});

describe("redirects", () => {
  it.each([301, 302, 303, 307, 308])("with status %i are not followed, so that the key is not sent elsewhere", async (status) => {
    const elsewhere = await answers([200, STORED]);
    const { origin } = await answers([status, {}, { location: elsewhere.origin }]);
    expectRestError(await rejectionOf(get(clientOf(origin))), "response_invalid", status);
    expect(elsewhere.seen).toEqual([]);
  });
});

describe("malformed responses", () => {
  it.each<[string, RequestListener]>([
    ["nothing", (_, response) => response.writeHead(204).end()],
    ["no JSON", (_, response) => response.end(`${KEY} {`)],
    ["no UTF-8", (_, response) => response.end(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
    ["a JSON list", (_, response) => response.end("[]")],
    ["JSON nested without end", (_, response) => response.end("[".repeat(1_000_000))],
    ["compressed", (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(Buffer.from([0x1f, 0x8b, 8]))],
    ["another credential", (_, response) => response.end(JSON.stringify({ ...STORED, id: "2" }))],
    ["more than is read", (_, response) => response.end(JSON.stringify({ ...STORED, credential_jwt: "x".repeat(2_000) }))],
    ["headers that are too long", (_, response) => response.writeHead(200, { x: "x".repeat(100_000) }).end("{}")],
    ["no HTTP", ({ socket }) => socket.end(`${KEY}\r\n\r\n`)],
  ])("are response_invalid: %s", async (_, handler) => {
    let requests = 0;
    const { origin } = await listen((request, response) => {
      requests += 1;
      handler(request, response);
    });
    const error = await rejectionOf(get(clientOf(origin, { limits: { maxResponseBytes: 1_000 } })));
    expect(error).toMatchObject({ name: "RestError", code: "response_invalid", retryable: false });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(KEY);
    expect(requests).toBe(1);
  });

  it("are aborted when they do not end", async () => {
    const { origin, server } = await listen((_, response) => {
      response.writeHead(200);
      const more = (): void => void response.write(Buffer.alloc(65_536, " "), (error) => (error ? undefined : more()));
      more();
    });
    const closed = new Promise((resolve) => server.on("connection", (socket: Socket) => socket.on("close", resolve).on("error", () => {})));
    expectRestError(await rejectionOf(get(clientOf(origin))), "response_invalid", 200);
    await closed;
  });

  it("may contain a deeply nested credential", async () => {
    const deep = `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`;
    const { origin } = await listen((request, response) =>
      response.end(request.url?.endsWith("/sign") ? `{"signed_credential":${deep}}` : `{"credential":${deep},"headers":{}}`),
    );
    const client = clientOf(origin);
    expect((await client.verifyCredential("x")).credential).toHaveProperty("a");
    // It must be serialized again; Node 26 serializes JSON of any depth.
    const signing = client.signCredential({ credentialSubject: {} });
    const outcome = await signing.then(
      (text) => text.length,
      (error: unknown) => (error instanceof RestError ? error.code : error),
    );
    expect([deep.length, "response_invalid"]).toContain(outcome);
  });
});

describe("retries", () => {
  it.each([429, 502, 503, 504])("retries a read after status %i", async (status) => {
    const { origin, seen } = await answers([status, {}], [status, {}, { "retry-after": "3600" }], [200, STORED]);
    expect(await get(clientOf(origin))).toMatchObject({ id: "1" });
    expect(seen).toHaveLength(3);
  });

  it("retries a read whose connection broke", async () => {
    let requests = 0;
    const { origin } = await listen((request, response) => {
      requests += 1;
      if (requests < 3) request.socket.destroy();
      else sendJson(response, 200, { credentials: [] });
    });
    expect(await clientOf(origin).listCredentials()).toEqual([]);
    expect(requests).toBe(3);
  });

  it("retries up to maxRetries times, and then reports the last error", async () => {
    const { origin, seen } = await answers([503, { error: "first" }], [502, { error: "last" }]);
    const error = await rejectionOf(get(clientOf(origin, { retry: { maxRetries: 1, initialMs: 1 } })));
    expect(expectRestError(error, "server_error", 502).message).toBe("last");
    expect(seen).toHaveLength(2);
    await rejectionOf(get(clientOf(origin, { retry: { maxRetries: 0 } })));
    expect(seen).toHaveLength(3);
  });

  it.each([400, 401, 404, 500, 501])("does not retry after status %i", async (status) => {
    const { origin, seen } = await answers([status, {}]);
    await rejectionOf(get(clientOf(origin)));
    expect(seen).toHaveLength(1);
  });

  it("does not retry calls that write or sign", async () => {
    const { origin, seen } = await answers([503, {}]);
    const client = clientOf(origin);
    const calls = [
      client.signCredential({ credentialSubject: {} }),
      client.verifyCredential("x"),
      client.storeCredential("x"),
      client.signPresentation(["x"]),
      client.verifyPresentation("x"),
    ];
    for (const call of calls) expectRestError(await rejectionOf(call), "server_error", 503);
    expect(seen).toHaveLength(calls.length);
    let broken = 0;
    const breaking = await listen(({ socket }) => {
      broken += 1;
      socket.destroy();
    });
    expect(expectRestError(await rejectionOf(post(clientOf(breaking.origin))), "network").retryable).toBe(true);
    expect(broken).toBe(1);
  });
});

describe("the timeout", () => {
  it.each<[string, RequestListener]>([
    ["silent", () => {}],
    [
      "slow",
      (_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(" "), 5);
        response.on("close", () => clearInterval(timer));
      },
    ],
  ])("ends a request to a node that is %s, once, and closes its connection", async (_, handler) => {
    let requests = 0;
    const { origin, server } = await listen((request, response) => {
      requests += 1;
      handler(request, response);
    });
    const closed = new Promise((resolve) => server.on("connection", (socket: Socket) => socket.on("close", resolve).on("error", () => {})));
    expect(expectRestError(await rejectionOf(get(clientOf(origin, { timeoutMs: 250 }))), "timeout").retryable).toBe(true);
    await closed;
    expect(requests).toBe(1);
  });

  it("ends a request that waits for a connection", async () => {
    const { origin } = await serve(() => {});
    const client = clientOf(origin, { timeoutMs: 250, maxConnections: 1 });
    const first = rejectionOf(post(client));
    const queued = rejectionOf(client.verifyCredential("x"));
    expectRestError(await first, "timeout");
    expectRestError(await queued, "timeout");
  });

  it("ends TLS handshakes without a response", async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    expectRestError(await rejectionOf(get(clientOf(`https://127.0.0.1:${port}`, { timeoutMs: 50 }))), "timeout");
  });
});

describe("a node that can't be reached", () => {
  it("is a network error", async () => {
    const { origin, server } = await listen(() => {});
    server.close();
    await once(server, "close");
    const error = expectRestError(await rejectionOf(get(clientOf(origin))), "network");
    expect(error.retryable).toBe(true);
    expect(error.cause).toMatchObject({ code: "ECONNREFUSED" });
    expect(error.message).toMatch(`The node at ${origin} can't be reached, or the connection broke: connect ECONNREFUSED`);
  });
});

describe("signals", () => {
  it("that are already aborted send nothing", async () => {
    const { origin, seen } = await answers([200, STORED]);
    const reason = new Error("never mind");
    expect(await rejectionOf(post(clientOf(origin), AbortSignal.abort(reason)))).toBe(reason);
    expect(seen).toEqual([]);
  });

  it("end a request in progress with their reason, and close its connection", async () => {
    const abort = new AbortController();
    const reason = new Error("never mind");
    const { origin } = await listen((request) => {
      request.socket.on("close", () => closed());
      abort.abort(reason);
    });
    let closed = (): void => {};
    const gone = new Promise<void>((resolve) => (closed = resolve));
    expect(await rejectionOf(post(clientOf(origin), abort.signal))).toBe(reason);
    await gone;
  });

  it("end the delay before a retry", async () => {
    const abort = new AbortController();
    const reason = new Error("never mind");
    const { origin, seen } = await serve((_, response) => {
      sendJson(response, 503, {});
      response.on("finish", () => setImmediate(() => abort.abort(reason)));
    });
    const client = clientOf(origin, { retry: { initialMs: 1_000_000, maxMs: 1_000_000 } });
    expect(await rejectionOf(get(client, abort.signal))).toBe(reason);
    expect(seen).toHaveLength(1);
  });

  it("are respected by every call", async () => {
    const { origin } = await serve(() => {});
    const client = clientOf(origin);
    const reason = new Error("never mind");
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => client.signCredential({ credentialSubject: {} }, { signal }),
      (signal) => client.verifyCredential("x", { signal }),
      (signal) => client.storeCredential("x", { signal }),
      (signal) => client.listCredentials({ signal }),
      (signal) => client.getCredential("x", { signal }),
      (signal) => client.signPresentation(["x"], { signal }),
      (signal) => client.verifyPresentation("x", { signal }),
    ];
    for (const call of calls) {
      const abort = new AbortController();
      const rejection = rejectionOf(call(abort.signal));
      abort.abort(reason);
      expect(await rejection).toBe(reason);
    }
  });
});

describe("close", () => {
  it("rejects calls in progress and later ones", async () => {
    const { origin, server } = await listen(() => void client.close());
    const client = clientOf(origin);
    const gone = new Promise((resolve) => server.on("connection", (socket: Socket) => socket.on("close", resolve)));
    expectRestError(await rejectionOf(get(client)), "closed");
    await gone;
    expectRestError(await rejectionOf(post(client)), "closed");
    await client.close();
  });

  it("happens at the end of a block", async () => {
    const { origin } = await answers([200, STORED]);
    const client = clientOf(origin);
    await client[Symbol.asyncDispose]();
    expectRestError(await rejectionOf(get(client)), "closed");
  });
});

describe("connections", () => {
  it("are reused by the next call", async () => {
    const { origin, server } = await answers([200, STORED]);
    let connections = 0;
    server.on("connection", () => (connections += 1));
    const client = clientOf(origin, { maxConnections: 1 });
    for (let i = 0; i < 5; i += 1) await get(client);
    expect(connections).toBe(1);
  });

  it("do not exceed the limit", async () => {
    const { origin, server } = await answers([200, STORED]);
    let connections = 0;
    server.on("connection", () => (connections += 1));
    const warnings: Error[] = [];
    const warned = (warning: Error): unknown => warnings.push(warning);
    process.on("warning", warned);
    onTestFinished(() => void process.off("warning", warned));
    const client = clientOf(origin, { maxConnections: 2 });
    await Promise.all(Array.from({ length: 20 }, () => get(client)));
    expect(connections).toBe(2);
    expect(warnings).toEqual([]);
  });

  it("to subdomains of localhost go to loopback, with their own Host header", async () => {
    const { port, seen } = await answers([200, STORED]);
    await get(clientOf(`ws://alice-test.localhost:${port}/plugin_socket/websocket`));
    expect(seen[0]).toMatchObject({ url: "/api/v1/credentials/1", headers: { host: `alice-test.localhost:${port}` } });
  });

  it("send additional headers, but never another API key", async () => {
    const { port, seen } = await answers([200, STORED]);
    const headers = { "X-Proxy": "p", "X-API-Key": "other", Accept: "text/html" };
    await get(clientOf(`ws://me:word@127.0.0.1:${port}/nodes/a/plugin_socket/websocket?api_key=q`, { headers }));
    expect(seen[0]).toMatchObject({
      url: "/nodes/a/api/v1/credentials/1",
      headers: { "x-proxy": "p", "x-api-key": KEY, accept: "application/json", authorization: `Basic ${btoa("me:word")}` },
    });
  });

  it("over TLS need a certificate for the node's name", async () => {
    const server = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY });
    const { port } = await listen((_, response) => sendJson(response, 200, STORED), server);
    const nodeUrl = `wss://127.0.0.1:${port}/plugin_socket/websocket`;
    expect(await get(clientOf(nodeUrl, { tls: { ca: CERTIFICATE, servername: "tls.example" } }))).toMatchObject({ id: "1" });
    const retry = { maxRetries: 0 };
    expectRestError(await rejectionOf(get(clientOf(nodeUrl, { retry }))), "network");
    expectRestError(await rejectionOf(get(clientOf(nodeUrl, { retry, tls: { ca: CERTIFICATE } }))), "network");
  });
});

describe("listings", () => {
  const page = (ids: readonly string[], next?: unknown): readonly [number, unknown] => [
    200,
    { credentials: ids.map((id) => ({ ...STORED, id })), next },
  ];
  const list = async (
    turns: readonly (readonly [number, unknown])[],
    limits: CredentialsClientOptions["limits"] = {},
  ): Promise<unknown> => {
    const { origin } = await answers(...turns);
    return clientOf(origin, { limits }).listCredentials();
  };

  it("end with a page without a cursor", async () => {
    for (const end of [undefined, null, ""]) expect(await list([page(["1"], "a"), page([], "b"), page(["2"], end)])).toHaveLength(2);
  });

  it("fail beyond the limit on their count, of one page or of all", async () => {
    const limits = { maxCredentials: 3 };
    expect(await list([page(["1", "2"], "a"), page(["3"])], limits)).toHaveLength(3);
    expectRestError(await rejectionOf(list([page(["1", "2"], "a"), page(["3", "4"])], limits)), "too_many_credentials");
    expectRestError(await rejectionOf(list([page(["1", "2", "3", "4"])], limits)), "too_many_credentials");
  });

  it("fail beyond the limit on their size", async () => {
    expect(await list([page(["1", "2"])], { maxListLength: 6 })).toHaveLength(2);
    expectRestError(
      await rejectionOf(list([page(["1"], "a"), page(["2"], "b"), page(["3"])], { maxListLength: 6 })),
      "too_many_credentials",
    );
  });

  it("fail when a cursor repeats", async () => {
    expectRestError(await rejectionOf(list([page(["1"], "a"), page(["2"], "b"), page(["3"], "a")])), "response_invalid", 200);
  });

  it("fail when empty pages do not end", async () => {
    let cursor = 0;
    const { origin, seen } = await serve((_, response) => sendJson(response, 200, { credentials: [], next: String((cursor += 1)) }));
    expectRestError(await rejectionOf(clientOf(origin).listCredentials()), "too_many_credentials");
    expect(seen).toHaveLength(1000);
  });

  it("fail when they contain another holder's credentials", async () => {
    const alien = { ...STORED, holder_did: "did:web:node.example:other" };
    expectRestError(await rejectionOf(list([[200, { credentials: [STORED, alien] }]])), "response_invalid", 200);
  });
});

it("any response of a node ends a call with its documented result or a RestError", async () => {
  const bodies = [
    "",
    "{}",
    "null",
    '{"id":1}',
    '{"credentials":{}}',
    '{"signed_credential":[]}',
    '{"error":{}}',
    '{"error":"","code":""}',
    "\0",
  ];
  for (const status of [200, 201, 202, 299, 300, 304, 400, 499, 500, 999]) {
    for (const body of bodies) {
      const { origin } = await listen((_, response) => response.writeHead(status).end(body));
      const error = await rejectionOf(clientOf(origin, { retry: { maxRetries: 0 } }).signCredential({ credentialSubject: {} }));
      expect(error).toBeInstanceOf(RestError);
      expect((error as RestError).status).toBe(status);
    }
  }
});
