import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import type { NodeOptions } from "../src/options.ts";
import { nodeSuite } from "./node-suite/node-suite.ts";
import { ALICE, BOB, ECHO, message } from "./node-suite/suite.ts";
import { RawAgent, type RawJoin } from "./raw-agent.ts";

nodeSuite("a node", {
  start: async (options) => [await startNode({ port: 0, logger: false, ...options })],
  ok: { status: "ok", response: {} },
});

describe("a node for itself", () => {
  let node: Layr8Node;
  let agents: RawAgent[];

  async function start(options: NodeOptions = {}): Promise<Layr8Node> {
    await node?.close();
    node = await startNode({ port: 0, logger: false, ...options });
    return node;
  }

  async function agent(options: RawJoin): Promise<RawAgent> {
    const joined = await RawAgent.join(node, options);
    agents.push(joined);
    return joined;
  }

  beforeEach(async () => {
    agents = [];
    await start();
  });

  afterEach(async () => {
    for (const joined of agents) joined.close();
    await node.close();
  });

  describe("HTTP", () => {
    it("serves DID documents by the path rules of did:web", async () => {
      await agent({ did: BOB });
      const response = await fetch(`${node.httpUrl}/bob/did.json`, { headers: { host: "localhost" } });
      expect(response.status).toBe(404);
      const { port } = node;
      const did = `did:web:localhost%3A${port}:bob`;
      await agent({ did });
      const found = await fetch(`http://localhost:${port}/bob/did.json`);
      expect(await found.json()).toMatchObject({ id: did, service: [{ type: "DIDCommMessaging" }] });
      expect((await fetch(`http://localhost:${port}/..%2Fbob/did.json`)).status).toBe(404);
    });

    it("shows health and metrics", async () => {
      const alice = await agent({ did: ALICE });
      await agent({ did: BOB, protocols: [ECHO] });
      await alice.send(message("1"));
      await alice.send(message("2", { to: ["did:web:localhost:nobody"] }));
      expect(await (await fetch(`${node.httpUrl}/health`)).json()).toEqual({ status: "ok" });
      const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
      expect(text).toContain("layr8_node_messages_accepted_total 1");
      expect(text).toContain('layr8_node_messages_refused_total{reason="unknown_recipient"} 1');
      expect(text).toContain("layr8_node_agents 2");
      expect(text).toContain("layr8_node_inbox_messages 1");
    });

    it("responds to unknown paths with an error in JSON", async () => {
      const response = await fetch(`${node.httpUrl}/nothing`);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        error: "this node has no such path: agents connect to /plugin_socket/websocket, REST calls go to /api/v1",
        code: "not_found",
      });
    });
  });

  describe("a data directory", () => {
    it("keeps messages, DIDs and keys over a restart", async () => {
      const dataDir = await mkdtemp(join(tmpdir(), "layr8-node-"));
      try {
        const { apiKey, port } = await start({ dataDir });
        const alice = await agent({ did: ALICE });
        const eve = await agent({});
        (await agent({ did: BOB, protocols: [ECHO] })).close();
        for (const id of ["1", "2", "3"]) await alice.send(message(id));
        await start({ dataDir, port });
        expect(node.apiKey).toBeUndefined();
        expect(await alice.client.closed).toBe(1012);
        await expect(agent({ did: ALICE })).rejects.toThrow("HTTP 403");
        const key = { apiKey: apiKey ?? "" };
        const bob = await agent({ did: BOB, protocols: [ECHO], ...key });
        for (const id of ["1", "2", "3"]) expect((await bob.receive()).plaintext["id"]).toBe(id);
        await expect(agent({ did: eve.did, ...key })).resolves.toMatchObject({ did: eve.did });
        const back = await agent({ did: ALICE, ...key });
        expect(await back.send(message("1"))).toEqual({ status: "ok", response: {} });
        await back.send(message("4"));
        expect((await bob.receive()).plaintext["id"]).toBe("4");
      } finally {
        await node.close();
        await rm(dataDir, { recursive: true, force: true });
      }
    });

    it("is opened by one node at a time", async () => {
      const dataDir = await mkdtemp(join(tmpdir(), "layr8-node-"));
      try {
        await start({ dataDir });
        await expect(startNode({ port: 0, dataDir, logger: false })).rejects.toMatchObject({ code: "data_dir_locked" });
      } finally {
        await node.close();
        await rm(dataDir, { recursive: true, force: true });
      }
    });
  });

  describe("options", () => {
    it.each<[string, object]>([
      ["a limit of 0", { limits: { maxInFlight: 0 } }],
      ["an unknown limit", { limits: { maxInflight: 10 } }],
      ["a key that is too short", { apiKeys: [{ key: "short", dids: "any" }] }],
      ["a policy without DID", { policies: [{ did: "" }] }],
      ["a prefix that ends in a name", { apiKeys: [{ key: "0123456789abcdef", dids: ["did:web:acme*"] }] }],
    ])("refuse %s", async (_name, options) => {
      await expect(startNode({ port: 0, logger: false, ...options })).rejects.toThrow(TypeError);
    });

    it("reject with the system's error when the port is taken", async () => {
      await expect(startNode({ port: node.port, logger: false })).rejects.toMatchObject({ code: "EADDRINUSE" });
    });
  });
});
