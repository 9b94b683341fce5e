import { Agent, request, type IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { RawAgent } from "../raw-agent.ts";

let node: Layr8Node;

beforeEach(async () => {
  node = await startNode({ port: 0, logger: false });
});
afterEach(() => node.close());

/** A request as HTTP clients send it that speak HTTP/2 where the server does. */
function ask(
  path: string,
  { method = "GET", body = "", agent, headers = {} }: { method?: string; body?: string; agent?: Agent; headers?: object } = {},
) {
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const offer = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA" };
    const sent = request(`${node.httpUrl}${path}`, { method, agent, headers: { ...offer, ...headers } }, (response: IncomingMessage) => {
      let text = "";
      response.on("data", (chunk) => (text += String(chunk))).on("end", () => resolve({ status: response.statusCode, text }));
    });
    sent.on("error", reject).end(body);
  });
}

describe("a request that offers an upgrade to another protocol is handled without it", () => {
  it("once", async () => {
    expect(await ask("/health")).toEqual({ status: 200, text: '{"status":"ok"}' });
  });

  it("with a large body, and a key", async () => {
    const headers = { "x-api-key": node.apiKey ?? "", "content-type": "application/json" };
    const credential = { id: "urn:uuid:1", issuer: "did:web:localhost:x", padding: "é".repeat(300_000) };
    const body = JSON.stringify({ issuer_did: "did:web:localhost:x", format: "nonsense", credential });
    const { status, text } = await ask("/api/v1/credentials/sign", { method: "POST", body, headers });
    expect(JSON.parse(text)).toMatchObject({ code: "malformed_request" });
    expect(status).toBe(400);
  });

  it("repeatedly on one connection", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let times = 0; times < 20; times++) expect((await ask("/health", { agent })).status).toBe(200);
    expect((await ask("/nowhere", { agent })).status).toBe(404);
    agent.destroy();
  });

  it("while WebSockets are still accepted", async () => {
    await ask("/health");
    const agent = await RawAgent.join(node, { did: "did:web:localhost:x" });
    expect(agent.did).toBe("did:web:localhost:x");
    agent.close();
  });
});
