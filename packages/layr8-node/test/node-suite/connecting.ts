import { describe, expect } from "vitest";
import { RawClient, type RawFrame } from "../phoenix/raw-client.ts";
import { ALICE, BOB, ECHO, message, type NodeSuite, ORDER, STORED } from "./suite.ts";

async function nextOf(client: RawClient, count: number): Promise<RawFrame[]> {
  const frames: RawFrame[] = [];
  while (frames.length < count) frames.push(await client.next());
  return frames;
}

/** How agents connect to a node. */
export function connecting(suite: NodeSuite): void {
  describe("connecting", () => {
    suite.it("accepts the API key from the header or the query, and rejects others", async () => {
      await suite.start();
      await expect(
        RawClient.open(`${suite.node.url}?api_key=${suite.node.apiKey}`).then((client) => client.close()),
      ).resolves.toBeUndefined();
      await expect(RawClient.open(suite.node.url)).rejects.toThrow("HTTP 403");
      await expect(RawClient.open(suite.node.url, { "x-api-key": "x".repeat(10_000) })).rejects.toThrow("HTTP 403");
    });

    suite.it("joins a DID and names it and its capabilities in the reply", async () => {
      await suite.start();
      const client = await RawClient.open(suite.node.url, { "x-api-key": suite.node.apiKey ?? "" });
      const reply = await client.push(`plugins:${BOB}`, "phx_join", { payload_types: [], reply_protocol: true });
      const everywhere = ["reply_protocol/1", "wildcard/1", "batch_ack/1", "ephemeral_delegation/1", "agent_keys/1"];
      const { did, capabilities, ...rest } = reply["response"] as { did: string; capabilities: readonly string[] };
      expect({ status: reply["status"], did, ...rest }).toEqual({ status: "ok", did: BOB });
      expect(capabilities.slice(0, everywhere.length)).toEqual(everywhere);
      // Only nodes that learn of all changes of the stored credentials.
      expect([[], ["ephemeral_delegation_refresh/1", "wallet_watch/1"]]).toContainEqual(capabilities.slice(everywhere.length));
      client.close();
    });

    suite.it("reports in the join reply that a protocol was taken over", async () => {
      const join = (client: RawClient, ...protocols: string[]) => client.push(`plugins:${BOB}`, "phx_join", { payload_types: protocols });
      const [first, second] = [await suite.agent({}), await suite.agent({})];
      const took = async (...args: Parameters<typeof join>) => ((await join(...args))["response"] as { took_over?: boolean }).took_over;
      expect(await took(first.client, ECHO)).toBeUndefined();
      expect(await took(first.client, ECHO)).toBeUndefined();
      expect(await took(second.client, ORDER)).toBeUndefined();
      expect(await took(second.client, ORDER, ECHO)).toBe(true);
      expect(await took(first.client, ORDER)).toBe(true);
    });

    suite.each([
      ["an older SDK", {}],
      ["a newer SDK", { reply_protocol: true }],
      ["an agent that takes early deliveries", { reply_protocol: true, capabilities: ["early_delivery/1"] }],
    ])("sends the reply to a join before any delivery, and what has waited in order: %s", async (_who, join) => {
      (await suite.agent({ did: BOB, protocols: [ECHO] })).close();
      const alice = await suite.agent({ did: ALICE });
      const ids = ["1", "2", "3", "4", "5"];
      for (const id of ids) expect(await alice.send(message(id))).toMatchObject(STORED);
      // Unacknowledged messages wait again for the next connection, so each round has all of them.
      for (let round = 0; round < 2; round += 1) {
        const client = await RawClient.open(suite.node.url, { "x-api-key": suite.node.apiKey ?? "" });
        const topic = `plugins:${BOB}`;
        client.send(["1", "1", topic, "phx_join", { payload_types: [ECHO], ...join }]);
        const [reply, ...deliveries] = [await client.next(), ...(await nextOf(client, ids.length))];
        expect(reply).toMatchObject(["1", "1", topic, "phx_reply", { status: "ok", response: { did: BOB } }]);
        expect(deliveries.map(([, , , event]) => event)).toEqual(ids.map(() => "message"));
        expect(deliveries.map(([, , , , { plaintext }]) => (plaintext as { id: string }).id)).toEqual(ids);
        client.close();
      }
    });

    suite.it("assigns an ephemeral DID, which is usable under both topics and kept over a lost link", async () => {
      const first = await suite.agent({});
      expect(first.did).toMatch(/^did:web:localhost%3A\d+:/);
      const other = await suite.agent({});
      expect(other.did).not.toBe(first.did);
      expect(await first.client.push(`plugins:${first.did}`, "message", message("1", { from: first.did, to: [first.did] }))).toMatchObject({
        response: { reason: expect.stringContaining("no handler") as string },
      });
      first.close();
      const again = await suite.agent({ did: first.did });
      expect(again.did).toBe(first.did);
    });

    suite.it("allows only the key that was assigned an ephemeral DID to rejoin it", async () => {
      await suite.start();
      const { key } = await suite.node.createApiKey({ dids: ["did:web:acme.example:*"] });
      const { did } = await suite.agent({ apiKey: key });
      await expect(suite.agent({ did })).rejects.toThrow("unauthorized");
      await expect(suite.agent({ did, apiKey: key })).resolves.toMatchObject({ did });
    });

    suite.it("restricts a key to its DIDs and prefixes", async () => {
      await suite.start();
      const { key } = await suite.node.createApiKey({ dids: [BOB, "did:web:acme.example:*"] });
      await expect(suite.agent({ did: BOB, apiKey: key })).resolves.toMatchObject({ did: BOB });
      await expect(suite.agent({ did: "did:web:acme.example:x", apiKey: key })).resolves.toBeDefined();
      for (const did of [ALICE, `${BOB}y`, "did:web:acme.example.evil.com:x"]) {
        await expect(suite.agent({ did, apiKey: key })).rejects.toThrow("unauthorized");
      }
    });

    suite.it("requires a DID to exist in mode Require", async () => {
      await expect(suite.agent({ did: BOB, mode: "Require" })).rejects.toThrow("refused");
      await suite.agent({ did: BOB });
      await expect(suite.agent({ did: BOB, mode: "Require" })).resolves.toBeDefined();
    });

    suite.each([
      ["another topic", "rooms:lobby", {}],
      ["no DID", "plugins:bob", {}],
      ["a DID with a fragment", "plugins:did:web:x#1", {}],
      ["a DID that is too long", `plugins:did:web:${"x".repeat(3000)}`, {}],
      ["payload_types that are not a list", `plugins:${BOB}`, { payload_types: "echo" }],
      ["payload_types with a number", `plugins:${BOB}`, { payload_types: [7] }],
      ["too many payload_types", `plugins:${BOB}`, { payload_types: Array.from({ length: 300 }, (_, i) => `p${i}`) }],
      ["a list as payload", `plugins:${BOB}`, []],
      ["null as payload", `plugins:${BOB}`, null],
      ["an unknown mode", `plugins:${BOB}`, { did_spec: { mode: "Steal" } }],
      ["an unknown storage", `plugins:${BOB}`, { did_spec: { storage: "cloud" } }],
    ])("rejects a join with %s, with the reason", async (_name, topic, payload) => {
      await suite.start();
      const client = await RawClient.open(suite.node.url, { "x-api-key": suite.node.apiKey ?? "" });
      const reply = await client.push(topic, "phx_join", payload);
      expect(reply).toMatchObject({ status: "error", response: { reason: expect.stringMatching(/\w{4,}/) as string } });
      expect(await client.push(`plugins:${BOB}`, "phx_join", {})).toMatchObject({ status: "ok" });
      client.close();
    });

    suite.it("closes the connections of a revoked key and rejects it", async () => {
      await suite.start();
      const { id, key } = await suite.node.createApiKey({ dids: "any" });
      const joined = await suite.agent({ apiKey: key });
      expect(await suite.node.revokeApiKey(id)).toBe(true);
      expect(await joined.client.closed).toBe(1008);
      await expect(suite.agent({ apiKey: key })).rejects.toThrow("HTTP 403");
      expect(await suite.node.revokeApiKey(id)).toBe(false);
    });

    suite.it("limits the connections of all keys", async () => {
      await suite.start({ limits: { maxConnections: 2 } });
      const first = await suite.agent({});
      await expect(suite.agent({})).rejects.toThrow("HTTP 503");
      first.close();
      await expect
        .poll(() =>
          suite.agent({}).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
      first.close();
    });

    suite.it("limits the connections of a key", async () => {
      await suite.start({ limits: { maxConnectionsPerKey: 2 } });
      const first = await suite.agent({});
      await suite.agent({});
      await expect(suite.agent({})).rejects.toThrow("HTTP 429");
      first.close();
      await expect
        .poll(() =>
          suite.agent({}).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
    });
  });
}
