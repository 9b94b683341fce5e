import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BitstringStatusList } from "@parley/vc";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { credentialOf, RestClient, type Answer } from "./rest-client.ts";

const VERIFIER = "did:web:verifier.localhost";

let stop: (() => Promise<unknown>)[];

beforeEach(() => {
  stop = [];
});
afterEach(async () => {
  for (const end of stop.toReversed()) await end();
});

async function start(options: NodeOptions = {}): Promise<{ node: Layr8Node; rest: RestClient }> {
  const node = await startNode({ port: 0, logger: false, ...options });
  stop.push(() => node.close());
  return { node, rest: new RestClient(node) };
}

/** A host of another operator. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ port: number; server: Server }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stop.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { server, port: (server.address() as AddressInfo).port };
}

function verify(rest: RestClient, signed: string): Promise<Answer> {
  return rest.post("/api/v1/credentials/verify", { signed_credential: signed, verifier_did: VERIFIER });
}

describe("nodes verify each other's credentials", () => {
  it("through their DID documents, found by the table of hosts", async () => {
    const issuing = await start();
    const holding = await start();
    const verifying = await start({
      resolution: { hosts: { "issuer.example": issuing.node.httpUrl, "holder.example": holding.node.httpUrl } },
    });
    const issuer = "did:web:issuer.example:agents:issuer";
    const holder = "did:web:holder.example";
    const credential = await issuing.rest.sign(issuer);
    expect(await verify(verifying.rest, credential)).toMatchObject({ status: 200, body: { credential: { issuer } } });
    const presentation = await holding.rest.present(holder, [credential], { nonce: "n", audience: VERIFIER, format: "json" });
    const body = { signed_presentation: presentation, verifier_did: VERIFIER, nonce: "n" };
    expect(await verifying.rest.post("/api/v1/presentations/verify", body)).toMatchObject({
      status: 200,
      body: { presentation: { holder } },
    });
  });

  it("with their status lists, found by the table of hosts", async () => {
    const issuing = await start({ domain: "partner.localhost" });
    const { rest } = await start({
      domain: "own.localhost",
      resolution: { hosts: { "partner.localhost": issuing.node.httpUrl }, cacheTtlMs: 0 },
    });
    const issuer = "did:web:partner.localhost:issuer";
    const signed = await issuing.rest.post("/api/v1/credentials/sign", {
      issuer_did: issuer,
      credential: credentialOf(issuer),
      revocable: true,
    });
    const credential = String(signed.body?.["signed_credential"]);
    expect(await verify(rest, credential)).toMatchObject({ status: 200, body: { credential: { issuer } } });
    const revoking = { issuer_did: issuer, signed_credential: credential, status: "revoked" };
    expect((await issuing.rest.post("/api/v1/credentials/status", revoking)).status).toBe(200);
    expect(await verify(rest, credential)).toMatchObject({ status: 422, body: { code: "revoked" } });
    await issuing.node.close();
    expect(await verify(rest, credential)).toMatchObject({ status: 502 });
  });

  it("on loopback over plain http, if both are allowed", async () => {
    const issuing = await start();
    const issuer = `did:web:localhost%3A${issuing.node.port}:issuer`;
    const credential = await issuing.rest.sign(issuer);
    const allowed = await start({ resolution: { allow: ["loopback"], httpForLoopback: true } });
    expect((await verify(allowed.rest, credential)).status).toBe(200);
  });

  it("but not one that another node signed in the issuer's name", async () => {
    const issuing = await start();
    const forging = await start();
    const issuer = "did:web:issuer.example";
    await issuing.rest.sign(issuer);
    const forged = await forging.rest.sign(issuer);
    const verifying = await start({ resolution: { hosts: { "issuer.example": issuing.node.httpUrl } } });
    expect(await verify(verifying.rest, forged)).toMatchObject({ status: 422, body: { code: "signature_invalid" } });
  });
});

describe("a node that is asked to fetch from its own network", () => {
  it.each([
    ["by default", {}],
    ["with loopback, without http", { allow: ["loopback"] as const }],
    ["with http, without loopback", { httpForLoopback: true }],
    ["with other addresses alone", { allow: ["private", "link-local"] as const, httpForLoopback: true }],
  ])("sends no request %s", async (_, resolution) => {
    const asked: unknown[] = [];
    const { port } = await serve((request, response) => {
      asked.push(request.url);
      response.end();
    });
    const { rest } = await start();
    const credential = await rest.sign(`did:web:localhost%3A${port}`);
    const { rest: verifying } = await start({ resolution });
    const { status, body } = await verify(verifying, credential);
    expect(body?.["code"]).toBe("resolution_failed");
    expect([422, 502]).toContain(status);
    expect(asked).toEqual([]);
  });

  it("sends no request for a status list either", async () => {
    const asked: unknown[] = [];
    const { port } = await serve((request, response) => {
      asked.push(request.url);
      response.end();
    });
    const { rest } = await start();
    for (const list of [`http://localhost:${port}/list`, `https://localhost:${port}/list`, `https://127.0.0.1:${port}/list`]) {
      const credential = await rest.sign("did:web:issuer.example", { credentialStatus: statusOf(list, 1) });
      expect(await verify(rest, credential)).toMatchObject({ status: 422, body: { code: "status_unavailable" } });
    }
    expect(asked).toEqual([]);
  });
});

describe("a failure of another host", () => {
  it("is distinguished from an invalid credential: an unreachable host is 502", async () => {
    const { port, server } = await serve((_, response) => response.end());
    await new Promise((resolve) => server.close(resolve));
    const { rest } = await start({ resolution: { hosts: { "issuer.example": `http://127.0.0.1:${port}` } } });
    const foreign = await start();
    const credential = await foreign.rest.sign("did:web:issuer.example");
    expect(await verify(rest, credential)).toMatchObject({ status: 502, body: { code: "resolution_failed" } });
  });

  it("is 422 when the host reports an unknown DID", async () => {
    const empty = await start();
    const { rest } = await start({ resolution: { hosts: { "issuer.example": empty.node.httpUrl } } });
    const foreign = await start();
    const credential = await foreign.rest.sign("did:web:issuer.example");
    expect(await verify(rest, credential)).toMatchObject({ status: 422, body: { code: "resolution_failed" } });
  });

  it("ends at its time limit; further requests get 503 until then", async () => {
    let arrived = (): void => {};
    const asked = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { port } = await serve(() => arrived());
    const { rest } = await start({
      resolution: { hosts: { "issuer.example": `http://127.0.0.1:${port}` } },
      limits: { maxVerifications: 1, verificationTimeoutMs: 500 },
    });
    const foreign = await start();
    const credential = await foreign.rest.sign("did:web:issuer.example");
    const first = verify(rest, credential);
    await asked;
    const second = await verify(rest, credential);
    expect(second).toMatchObject({ status: 503, body: { code: "busy" } });
    expect(second.headers.get("retry-after")).toBe("1");
    expect(await first).toMatchObject({ status: 503, body: { code: "timeout" } });
    expect((await verify(rest, await rest.sign("did:web:localhost:issuer"))).status).toBe(200);
  });

  it("is aborted when the client has disconnected", async () => {
    let gone = (): void => {};
    let arrived = (): void => {};
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    const left = new Promise<void>((resolve) => (gone = resolve));
    const { port } = await serve((request) => {
      request.socket.once("close", () => gone());
      arrived();
    });
    const { node, rest } = await start({
      resolution: { hosts: { "issuer.example": `http://127.0.0.1:${port}` } },
      limits: { maxVerifications: 1 },
    });
    const foreign = await start();
    const body = { signed_credential: await foreign.rest.sign("did:web:issuer.example"), verifier_did: VERIFIER };
    const abort = new AbortController();
    const call = fetch(`${node.httpUrl}/api/v1/credentials/verify`, {
      method: "POST",
      headers: { "x-api-key": node.apiKey ?? "", "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: abort.signal,
    });
    await asked;
    abort.abort();
    await expect(call).rejects.toThrow("aborted");
    await left;
    // Its slot is free again, and it does not count as a failure of the node.
    const signed = await rest.sign("did:web:localhost:issuer");
    await expect.poll(async () => (await verify(rest, signed)).status).toBe(200);
    expect(await (await fetch(`${node.httpUrl}/metrics`)).text()).toContain("layr8_node_failures_total 0");
  });
});

describe("status lists", () => {
  it("revoke credentials, and are fetched over http on loopback where that is allowed", async () => {
    const { rest } = await start({ resolution: { allow: ["loopback"], httpForLoopback: true } });
    const issuer = "did:web:issuer.example";
    let answer = "";
    const { port } = await serve((_, response) => response.end(answer));
    const url = `http://localhost:${port}/lists/1?version=2`;
    const list = BitstringStatusList.create({ id: url, statusPurpose: "revocation" });
    list.set(7, true);
    const { body } = await rest.post("/api/v1/credentials/sign", {
      credential: await list.toCredential({ issuer }),
      issuer_did: issuer,
    });
    answer = String(body?.["signed_credential"]);
    const revoked = await rest.sign(issuer, { credentialStatus: statusOf(url, 7) });
    const clear = await rest.sign(issuer, { credentialStatus: statusOf(url, 8) });
    expect((await verify(rest, clear)).status).toBe(200);
    expect(await verify(rest, revoked)).toMatchObject({ status: 422, body: { code: "revoked" } });
  });
});

function statusOf(list: string, index: number): Record<string, string> {
  return {
    id: `${list}#${index}`,
    type: "BitstringStatusListEntry",
    statusPurpose: "revocation",
    statusListIndex: String(index),
    statusListCredential: list,
  };
}
