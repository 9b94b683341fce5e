import { verifyAudit } from "@parley/audit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode, type Layr8Node } from "../../src/index.ts";
import { KEY } from "../federation/pair.ts";
import { RestClient } from "../http/rest-client.ts";
import { RawAgent } from "../raw-agent.ts";
import { compare, entriesOf, exportOf, keyOf, kindsOf } from "./audited.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const NOTES = "https://example.org/notes/1.0";
const OTHER_KEY = "another-key-of-the-test";

let node: Layr8Node;

beforeEach(async () => {
  const apiKeys = [
    { key: KEY, dids: "any" },
    { key: OTHER_KEY, dids: [BOB] },
  ] as const;
  node = await startNode({ port: 0, logger: false, audit: true, domain: "localhost", apiKeys });
});
afterEach(() => node.close());

function join(did: string): Promise<RawAgent> {
  return RawAgent.join(node, { did, protocols: [NOTES], apiKey: KEY, replyProtocol: true });
}

function note(id: string, more: object = {}): object {
  return { id, type: `${NOTES}/note`, from: ALICE, to: [BOB], body: { secret: "text" }, ...more };
}

async function send(ids: readonly string[]): Promise<void> {
  const [alice, bob] = [await join(ALICE), await join(BOB)];
  for (const id of ids) {
    await alice.send(note(id));
    await bob.receive();
    bob.reply(id, "handled");
  }
  await expect.poll(async () => kindsOf(await entriesOf(node, BOB), ids.at(-1) ?? "")).toHaveLength(3);
  for (const agent of [alice, bob]) agent.close();
}

describe("the audit of a node", () => {
  it("has a chain for each agent, signed by the key in its document", async () => {
    await send(["1", "2"]);
    const [alice, bob] = [await exportOf(node, ALICE), await exportOf(node, BOB)];
    const keys = { [ALICE]: await keyOf(node, ALICE), [BOB]: await keyOf(node, BOB) };
    expect(await compare(alice, bob, keys)).toMatchObject({
      ok: true,
      matched: 2,
      sides: [
        { agent: ALICE, entries: 2, isKeyKnown: true },
        { agent: BOB, entries: 6, isKeyKnown: true },
      ],
    });
    expect([...alice, ...bob].join()).not.toContain("secret");
  });

  it("records the thread, and cuts texts that senders have made long", async () => {
    await send(["1"]);
    const alice = await join(ALICE);
    await alice.send(note("x".repeat(1000), { thid: "1" }));
    await expect.poll(async () => (await entriesOf(node, ALICE)).length).toBe(2);
    const [, entry] = await entriesOf(node, ALICE);
    expect(entry).toMatchObject({ id: `${"x".repeat(255)}…`, thread: "1" });
    alice.close();
  });

  it("records some of the rejected messages, and counts the others", async () => {
    const alice = await join(ALICE);
    const expired = { expires_time: 1 };
    for (let id = 0; id < 1000; id++) await alice.send(note(String(id), expired));
    await expect.poll(async () => (await entriesOf(node, ALICE)).length).toBeGreaterThanOrEqual(100);
    const entries = await entriesOf(node, ALICE);
    expect(entries.length).toBeLessThan(1000);
    expect(kindsOf(entries, "0")).toEqual(["refused expired"]);
    expect((await verifyAudit([{ name: "alice", lines: await exportOf(node, ALICE) }])).ok).toBe(true);
    alice.close();
  });

  it("is shortened by the node, with a signed statement of that", async () => {
    await node.close();
    const limits = { maxAuditEntries: 4 };
    node = await startNode({ port: 0, logger: false, audit: true, domain: "localhost", apiKeys: [{ key: KEY, dids: "any" }], limits });
    await send(["1", "2", "3"]);
    await expect.poll(async () => (await entriesOf(node, BOB)).map(({ seq }) => seq), { timeout: 20_000 }).toEqual([6, 7, 8, 9]);
    const lines = await exportOf(node, BOB);
    const report = await verifyAudit([{ name: "bob", lines }], { keyOf: () => keyOf(node, BOB) });
    expect(report).toMatchObject({ ok: true, sides: [{ first: 6, last: 9, removed: 5, isKeyKnown: true }] });
    expect((await verifyAudit([{ name: "bob", lines: lines.toSpliced(1, 1) }])).findings).toMatchObject([{ kind: "dropped", seq: 6 }]);
  });

  it("records that an operator has removed a message", async () => {
    await node.close();
    const admin = { adminPort: 0, adminActions: true };
    node = await startNode({ port: 0, logger: false, audit: true, domain: "localhost", apiKeys: [{ key: KEY, dids: "any" }], ...admin });
    (await join(BOB)).close();
    const alice = await join(ALICE);
    await alice.send(note("1"));
    const { origin, hash } = new URL(node.adminUrl ?? "");
    const headers = { authorization: `Bearer ${hash.replace("#token=", "")}`, "content-type": "application/json" };
    const body = JSON.stringify({ did: BOB, seq: "1" });
    const purged = await fetch(`${origin}/api/act/node/purge-message`, { method: "POST", headers, body });
    expect(await purged.json()).toMatchObject({ purged: 1 });
    await expect.poll(async () => kindsOf(await entriesOf(node, BOB), "1")).toEqual(["accepted", "refused purged"]);
    alice.close();
  });

  it("ends with its agent", async () => {
    await send(["1"]);
    expect(await node.deleteAgent(ALICE)).toBe(true);
    const client = new RestClient(node, KEY);
    expect(await client.get(`/api/v1/audit/head?did=${ALICE}`)).toMatchObject({ status: 404, body: { code: "not_found" } });
    (await join(ALICE)).close();
    expect(await entriesOf(node, ALICE)).toEqual([]);
    expect(await entriesOf(node, BOB)).toHaveLength(3);
  });
});

describe("the calls that read chains", () => {
  it("page, and sign the head of the moment", async () => {
    await send(["1", "2", "3"]);
    const entries = await entriesOf(node, BOB);
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const client = new RestClient(node, KEY);
    const { body } = await client.get(`/api/v1/audit/head?did=${BOB}`);
    expect(body).toMatchObject({ agent: BOB, seq: 9, first: 1, hash: entries.at(-1)?.hash });
    const heads = [String(body?.["head"])];
    await send(["4"]);
    const lines = await exportOf(node, BOB);
    expect((await verifyAudit([{ name: "bob", lines }], { heads })).ok).toBe(true);
    expect((await verifyAudit([{ name: "bob", lines: lines.toSpliced(4, 1) }], { heads })).findings).toMatchObject([
      { kind: "dropped", seq: 4 },
    ]);
  });

  it("need an API key for the agent", async () => {
    await send(["1"]);
    for (const path of ["head", "entries", "export"]) {
      const of = (did: string) => `/api/v1/audit/${path}?did=${did}`;
      expect(await new RestClient(node, null).get(of(BOB))).toMatchObject({ status: 401 });
      expect(await new RestClient(node, OTHER_KEY).get(of(ALICE))).toMatchObject({ status: 403, body: { code: "did_not_allowed" } });
      expect(await new RestClient(node, KEY).get(of("x"))).toMatchObject({ status: 400, body: { code: "malformed_request" } });
      const response = await fetch(`${node.httpUrl}${of(BOB)}`, { headers: { "x-api-key": OTHER_KEY } });
      expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
      await response.text();
    }
    const client = new RestClient(node, KEY);
    for (const query of ["after=-1", "limit=0", "limit=1001", "after=x"]) {
      expect(await client.get(`/api/v1/audit/entries?did=${BOB}&${query}`)).toMatchObject({ status: 400 });
    }
    const nobody = "did:web:localhost:nobody";
    expect(await client.get(`/api/v1/audit/export?did=${nobody}`)).toMatchObject({ status: 404, body: { code: "not_found" } });
  });

  it("are refused by a node without chains, and chains by nodes that share their data", async () => {
    await using plain = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }] });
    const answer = await new RestClient(plain, KEY).get(`/api/v1/audit/head?did=${BOB}`);
    expect(answer).toMatchObject({ status: 404, body: { code: "audit_off" } });
    await expect(
      startNode({ port: 0, audit: true, nats: ["127.0.0.1:1"], nodeName: "a", nodeKey: new Uint8Array(32).fill(1) }),
    ).rejects.toThrow(/Option "audit" \(--audit\) can not be combined with "nats"/);
  });
});
