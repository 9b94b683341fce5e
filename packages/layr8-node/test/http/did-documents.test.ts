import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { RawAgent } from "../raw-agent.ts";

const BOB = "did:web:b.example:bob";

let node: Layr8Node;
let bob: RawAgent;

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Record<string, string>;
}

async function ask({ method = "GET", path = "/bob/did.json", host = "b.example", headers = {} }: Asked = {}): Promise<{
  status: number | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(node.httpUrl, { method, path, headers: { ...headers, host }, agent: false }, resolve)
      .on("error", reject)
      .end();
  });
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
}

beforeEach(async () => {
  node = await startNode({ port: 0, domain: "b.example", logger: false });
  bob = await RawAgent.join(node, { did: BOB });
});
afterEach(async () => {
  bob.close();
  await node.close();
});

describe("DID documents over HTTP", () => {
  it.each(["b.example", "B.Example", "b.example.", "b.example:443", "b.example:80", "b.example.:443"])(
    "are found under the host %s",
    async (host) => {
      const { status, headers, body } = await ask({ host });
      expect([status, headers["content-type"]]).toEqual([200, "application/did+json; charset=utf-8"]);
      expect(JSON.parse(body)).toMatchObject({ id: BOB });
    },
  );

  it.each(["b.example:8443", "b.example..", "c.example", "b.example:", "b.example:443:443", ".b.example"])(
    "are not found under the host %s",
    async (host) => {
      expect((await ask({ host })).status).toBe(404);
    },
  );

  it("of a DID that names the default port of http are found under it", async () => {
    const did = "did:web:b.example%3A80:carol";
    const carol = await RawAgent.join(node, { did });
    expect(JSON.parse((await ask({ host: "b.example:80", path: "/carol/did.json" })).body)).toMatchObject({ id: did });
    expect((await ask({ path: "/carol/did.json" })).status).toBe(404);
    carol.close();
  });

  it.each(["/bob/did.json?x=1", "/bob/did.json/"])("are found at %s", async (path) => {
    expect((await ask({ path })).status).toBe(200);
  });

  it.each<[Asked, number]>([
    [{}, 200],
    [{ headers: { origin: "https://wallet.example" } }, 200],
    [{ method: "HEAD" }, 200],
    [{ path: "/nobody/did.json" }, 404],
    [{ path: "/.well-known/did.json" }, 404],
    [{ path: "/nobody/did.json/" }, 404],
    [{ path: "/..%2Fbob/did.json" }, 404],
    [{ path: "/%zz/did.json" }, 400],
    [{ method: "POST" }, 404],
    [{ method: "PUT", path: "/nobody/did.json" }, 404],
    [{ method: "OPTIONS" }, 204],
  ])("let any web page read the answer to %j", async (asked, status) => {
    const answer = await ask(asked);
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([status, "*"]);
  });

  it("answer a preflight request", async () => {
    const headers = {
      origin: "https://wallet.example",
      "access-control-request-method": "GET",
      "access-control-request-headers": "accept",
    };
    const answer = await ask({ method: "OPTIONS", path: "/nobody/did.json", headers });
    expect([answer.status, answer.body]).toEqual([204, ""]);
    expect(answer.headers).toMatchObject({ "access-control-allow-methods": "GET, HEAD", "access-control-allow-headers": "*" });
  });

  it("are the only resources that web pages may read", async () => {
    for (const path of ["/health", "/metrics", "/nothing", "/api/v1/credentials", "/did.jsonx"]) {
      for (const method of ["GET", "OPTIONS"]) {
        expect((await ask({ path, method })).headers["access-control-allow-origin"]).toBeUndefined();
      }
    }
  });

  it("are served for a request whose path is not a valid URL", async () => {
    const socket = connect(node.port, "127.0.0.1", () =>
      socket.end("GET /a/%/did.json HTTP/1.1\r\nhost: b.example\r\nconnection: close\r\n\r\n"),
    );
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text.toLowerCase()).toContain("access-control-allow-origin: *");
  });
});

describe("paths with a trailing slash", () => {
  it.each(["/health/", "/metrics/", "/openapi.json/"])("%s are found", async (path) => {
    expect((await ask({ path })).status).toBe(200);
  });

  it("reach the calls that need an API key", async () => {
    expect((await ask({ path: "/api/v1/credentials/" })).status).toBe(401);
  });
});
