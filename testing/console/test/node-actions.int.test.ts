import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Layr8Node, type Policy, restoreNode, startNode } from "@parley/layr8-node";
import { Client, type Config } from "layr8";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestAdmin } from "./admin-client.ts";

const TASK = "https://example.com/task/1.0";
const WORKER = "did:web:localhost:worker";
const BOSS = "did:web:localhost:boss";

let admin: TestAdmin;
let node: Layr8Node;
let directory: string;
let clients: Client[];
let policies: readonly Policy[] | Error = [];

async function startIn(dataDir: string): Promise<void> {
  admin = await TestAdmin.create({ bodies: true });
  node = await startNode({
    port: 0,
    dataDir,
    logger: false,
    admin: admin.server,
    deadLetters: true,
    limits: { maxDeadLetters: 3 },
    readPolicies: () => (policies instanceof Error ? Promise.reject(policies) : Promise.resolve(policies)),
    apiKeys: [{ key: "a-key-of-the-configuration", dids: "any" }],
  });
  await admin.listen();
}

async function stop(): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await admin.close();
  await node.close();
}

function client(agentDid: string, more: Partial<Config> = {}): Client {
  const created = new Client({ nodeUrl: node.url, apiKey: "a-key-of-the-configuration", agentDid, ...more }, () => undefined);
  clients.push(created);
  return created;
}

async function connected(agentDid: string, more: Partial<Config> = {}): Promise<Client> {
  const created = client(agentDid, more);
  await created.connect();
  return created;
}

/** Makes the DID of an agent that is away. */
async function hosted(agentDid: string): Promise<void> {
  const agent = client(agentDid);
  agent.handle(`${TASK}/do`, () => undefined);
  await agent.connect();
  await agent.close();
}

function task(from: Client, text: string, more: object = {}): Promise<unknown> {
  return from.send({ type: `${TASK}/do`, to: WORKER, body: { text }, ...more });
}

async function waiting(): Promise<{ seq: number; id: string }[]> {
  const { body } = await admin.read("node", "agent", { did: WORKER });
  return body["inbox"] as { seq: number; id: string }[];
}

async function deadLetters(did = ""): Promise<{ id: number; code: string; reason: string; messageId: string }[]> {
  const { body } = await admin.read("node", "dead-letters", { did });
  return body["deadLetters"] as never;
}

/** The keys in the document of a DID, if the node hosts it. */
async function documentOf(did: string): Promise<{ readonly verificationMethod: unknown } | undefined> {
  const { document } = (await admin.read("node", "resolve", { did })).body;
  return document as { readonly verificationMethod: unknown } | undefined;
}

beforeEach(async () => {
  clients = [];
  policies = [];
  directory = await mkdtemp(join(tmpdir(), "parley-node-actions-"));
  await startIn(join(directory, "data"));
});

afterEach(async () => {
  await stop();
  await rm(directory, { recursive: true });
});

describe("agents", () => {
  it("deletes an agent with its keys, inbox and credentials, and ends its connections", async () => {
    const worker = client(WORKER);
    worker.handle(`${TASK}/do`, () => new Promise(() => undefined));
    const lost = new Promise<void>((resolve) => worker.onDisconnect(() => resolve()));
    await worker.connect();
    const boss = await connected(BOSS);
    const asked = boss.request({ type: `${TASK}/do`, to: WORKER, body: {} }, { timeoutMs: 60_000 });
    const failed = expect(asked).rejects.toMatchObject({ code: "e.p.xfer.undeliverable" });
    await expect.poll(waiting).toHaveLength(1);
    const key = async (): Promise<unknown> => (await documentOf(WORKER))?.verificationMethod;
    const before = await key();
    const answer = await admin.act("node", "delete-agent", { did: WORKER });
    expect(answer).toEqual({ status: 200, body: { deleted: WORKER } });
    await lost;
    await failed;
    expect(await key()).toBeUndefined();
    expect((await admin.read("node", "agent", { did: WORKER })).body).toEqual({ did: WORKER, isHosted: false });
    expect((await admin.act("node", "delete-agent", { did: WORKER })).status).toBe(409);
    await hosted(WORKER);
    expect(await key()).not.toEqual(before);
    expect(await waiting()).toEqual([]);
  });
});

describe("messages", () => {
  it("shows and purges a waiting message, and delivers the others", async () => {
    await hosted(WORKER);
    const boss = await connected(BOSS);
    for (const text of ["first", "second", "third"]) await task(boss, text, { id: text });
    const [, second] = await waiting();
    const seq = String(second?.seq);
    const shown = await admin.read("node", "message", { did: WORKER, seq });
    expect(shown.body).toMatchObject({ exists: true, id: "second", from: BOSS });
    expect(String(shown.body["plaintext"])).toContain('"second"');
    expect((await admin.act("node", "purge-message", { did: WORKER, seq })).status).toBe(200);
    expect((await admin.act("node", "purge-message", { did: WORKER, seq })).status).toBe(409);
    const done: unknown[] = [];
    const worker = client(WORKER);
    worker.handle(`${TASK}/do`, (message) => void done.push(message.body["text"]));
    await worker.connect();
    await expect.poll(() => done).toEqual(["first", "third"]);
    await expect.poll(waiting).toEqual([]);
  });

  it("purges and redelivers a message in flight", async () => {
    const seen: string[] = [];
    const worker = client(WORKER);
    worker.handle(`${TASK}/do`, (message) => {
      seen.push(message.id);
      return new Promise(() => undefined);
    });
    await worker.connect();
    const boss = await connected(BOSS);
    await task(boss, "stuck", { id: "stuck" });
    await expect.poll(() => seen).toEqual(["stuck"]);
    const [message] = await waiting();
    const about = { did: WORKER, seq: String(message?.seq) };
    expect((await admin.act("node", "redeliver-message", about)).status).toBe(200);
    await expect
      .poll(async () => (await admin.get("/api/events?filter=state:delivered")).body as unknown as { attempt: number }[])
      .toEqual(expect.arrayContaining([expect.objectContaining({ id: "stuck", attempt: 2 })]));
    expect((await admin.act("node", "purge-message", about)).status).toBe(200);
    expect(await waiting()).toEqual([]);
    expect((await admin.act("node", "redeliver-message", about)).body["error"]).toMatch(/does not have this message/);
  });
});

describe("dead letters", () => {
  it("keeps what a handler refuses with its reason, and replays it as a new message", async () => {
    let fails = true;
    const done: unknown[] = [];
    const worker = client(WORKER);
    worker.handle(`${TASK}/do`, (message) => {
      if (fails) throw new Error("no");
      done.push(message.body["text"]);
    });
    await worker.connect();
    const boss = await connected(BOSS);
    await task(boss, "again", { id: "once" });
    await expect.poll(() => deadLetters(WORKER)).toMatchObject([{ messageId: "once", code: "e.p.xfer.cant-process" }]);
    const [letter] = await deadLetters();
    const id = String(letter?.id);
    expect(String((await admin.read("node", "dead-letter", { id })).body["plaintext"])).toContain("again");
    fails = false;
    expect((await admin.act("node", "replay-dead-letter", { id })).status).toBe(200);
    await expect.poll(() => done).toEqual(["again"]);
    expect(await deadLetters()).toEqual([]);
    expect((await admin.act("node", "replay-dead-letter", { id })).body["error"]).toBe("no such dead letter");
  });

  it("keeps expired messages after a restart, the latest within the limit, and replays them without their expiry", async () => {
    await hosted(WORKER);
    const boss = await connected(BOSS);
    const expiresTime = Math.ceil(Date.now() / 1000) + 2;
    for (const id of ["1", "2", "3", "4"]) await task(boss, id, { id, expiresTime });
    const ids = async (): Promise<string[]> => (await deadLetters(WORKER)).map(({ messageId }) => messageId);
    await expect.poll(ids, { timeout: 60_000 }).toEqual(["4", "3", "2"]);
    await stop();
    await startIn(join(directory, "data"));
    expect(await ids()).toEqual(["4", "3", "2"]);
    const [latest] = await deadLetters();
    expect(latest).toMatchObject({ code: "e.p.msg.expired", reason: "The message 4 expired before it was handled" });
    expect((await admin.act("node", "replay-dead-letter", { id: String(latest?.id) })).status).toBe(200);
    const done: unknown[] = [];
    const worker = client(WORKER);
    worker.handle(`${TASK}/do`, (message) => void done.push([message.id, message.expiresTime]));
    await worker.connect();
    await expect.poll(() => done).toEqual([["4", undefined]]);
    expect((await admin.act("node", "purge-dead-letter", { id: String(Number(latest?.id) - 1) })).body).toEqual({ purged: 1 });
    expect((await admin.act("node", "purge-dead-letters", { did: WORKER })).body).toEqual({ purged: 1 });
    expect(await deadLetters()).toEqual([]);
  });

  it("keeps what another node does not accept, for its sender", async () => {
    const boss = await connected(BOSS);
    const expiresTime = Math.floor(Date.now() / 1000) + 2;
    await boss.send({ id: "far", type: `${TASK}/do`, to: "did:web:partner.invalid:worker", body: {}, expiresTime });
    await expect.poll(() => deadLetters(BOSS), { timeout: 60_000 }).toMatchObject([{ messageId: "far", direction: "outbound" }]);
    const [letter] = await deadLetters(BOSS);
    expect((await admin.act("node", "replay-dead-letter", { id: String(letter?.id) })).body).toEqual({ replayed: 1 });
    await expect.poll(async () => (await admin.read("node", "agent", { did: BOSS })).body["toOtherNodes"], { timeout: 60_000 }).toBe(1);
  });
});

describe("keys and policies", () => {
  it("creates an API key by its hash, lists it and revokes it", async () => {
    const key = `l8_${randomBytes(32).toString("base64url")}`;
    const hash = createHash("sha256").update(key).digest("base64url");
    await expect(connected(WORKER, { apiKey: key })).rejects.toThrow(/key|refused|unauthorized/i);
    const created = await admin.act("node", "create-key", { hash, name: "night shift", dids: `${WORKER} did:web:localhost:team:*` });
    expect(created.body).toMatchObject({ name: "night shift", dids: [WORKER, "did:web:localhost:team:*"] });
    const worker = await connected(WORKER, { apiKey: key });
    await expect(connected(BOSS, { apiKey: key })).rejects.toThrow(/unauthorized/);
    expect((await admin.read("node", "keys")).body["keys"]).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "night shift", configured: false })]),
    );
    expect((await admin.act("node", "create-key", { hash, dids: "any" })).body["error"]).toMatch(/known already/);
    expect((await admin.act("node", "create-key", { hash: key, dids: "any" })).status).toBe(409);
    expect((await admin.act("node", "create-key", { hash: hash.replace(/./, "_"), dids: "did:web:x*" })).status).toBe(409);
    const lost = new Promise<void>((resolve) => worker.onDisconnect(() => resolve()));
    expect((await admin.act("node", "revoke-key", { key: String(created.body["id"]) })).status).toBe(200);
    await lost;
    expect((await admin.act("node", "revoke-key", { key: String(created.body["id"]) })).status).toBe(409);
    expect(admin.sent).not.toContain(key);
  });

  it("reloads policies, and keeps the present ones if they can't be read", async () => {
    await hosted(WORKER);
    const boss = await connected(BOSS);
    await task(boss, "allowed");
    policies = [{ did: WORKER, deny: [BOSS] }];
    expect((await admin.act("node", "reload-policies")).body).toEqual({ policies: 1 });
    await expect(task(boss, "denied")).rejects.toMatchObject({ code: expect.stringMatching(/authz|reject/) });
    policies = new Error("policies[0].did is missing");
    expect((await admin.act("node", "reload-policies")).body).toEqual({ code: "action_failed", error: "policies[0].did is missing" });
    await expect(task(boss, "still denied")).rejects.toThrow(/denied|authorized|policy/i);
  });

  it("rotates node.key: keys and documents stay, after a restart and after a crash in between, too", async () => {
    const data = join(directory, "data");
    await hosted(WORKER);
    const document = async (): Promise<unknown> => (await documentOf(WORKER))?.verificationMethod;
    const before = await document();
    const former = await readFile(join(data, "node.key"), "utf8");
    expect((await admin.act("node", "rotate-node-key")).body).toEqual({ rotated: true });
    const next = await readFile(join(data, "node.key"), "utf8");
    expect(next).not.toBe(former);
    expect((await stat(join(data, "node.key"))).mode & 0o777).toBe(0o600);
    for (const secret of [former, next]) expect(admin.sent).not.toContain(secret.trim());
    await stop();
    // As after a crash between the commit and the replacement of the file.
    await writeFile(join(data, "node.key"), former, { mode: 0o600 });
    await writeFile(join(data, "node.key.next"), next, { mode: 0o600 });
    await startIn(data);
    expect(await document()).toEqual(before);
    expect(await readFile(join(data, "node.key"), "utf8")).toBe(next);
    await stop();
    // As after a crash before the commit.
    await writeFile(join(data, "node.key.next"), former, { mode: 0o600 });
    await startIn(data);
    expect(await document()).toEqual(before);
    expect(await readFile(join(data, "node.key"), "utf8")).toBe(next);
    expect(await readdir(data)).not.toContain("node.key.next");
    const worker = await connected(WORKER);
    await expect(worker.signCredential({ credentialSubject: { id: BOSS } })).resolves.toBeDefined();
  });
});

describe("backup", () => {
  it("backs up a node in use, and restores it", async () => {
    await hosted(WORKER);
    const boss = await connected(BOSS);
    for (const id of ["1", "2", "3"]) await task(boss, id, { id });
    const target = join(directory, "backup");
    const writing = Promise.all(Array.from({ length: 50 }, (_, index) => task(boss, "later", { id: `later-${index}` })));
    const { body, status } = await admin.act("node", "backup", { directory: target });
    expect([status, body["directory"]]).toEqual([200, target]);
    await writing;
    expect((await readdir(target)).toSorted()).toEqual(["backup.json", "node.key", "node.mdb"]);
    for (const name of await readdir(target)) expect((await stat(join(target, name))).mode & 0o777).toBe(0o600);
    expect((await stat(target)).mode & 0o777).toBe(0o700);
    expect((await readdir(directory)).toSorted()).toEqual(["backup", "data"]);
    expect((await admin.act("node", "backup", { directory: target })).body["error"]).toMatch(/not empty/);
    expect((await admin.act("node", "backup", { directory: "backup" })).body["error"]).toMatch(/absolute/);
    await expect(restoreNode({ backup: target, dataDir: join(directory, "data") })).rejects.toMatchObject({ code: "data_dir_locked" });
    await expect(restoreNode({ backup: target, dataDir: target })).rejects.toMatchObject({ code: "data_dir_unusable" });
    await stop();
    await expect(restoreNode({ backup: target, dataDir: join(directory, "data") })).rejects.toMatchObject({ code: "data_dir_unusable" });
    await restoreNode({ backup: target, dataDir: join(directory, "restored") });
    await startIn(join(directory, "restored"));
    const ids = (await waiting()).map(({ id }) => id);
    expect(ids.slice(0, 3)).toEqual(["1", "2", "3"]);
    const worker = await connected(WORKER);
    await expect(worker.signCredential({ credentialSubject: { id: BOSS } })).resolves.toBeDefined();
  });

  it("rejects a backup that is incomplete or damaged", async () => {
    const target = join(directory, "backup");
    await hosted(WORKER);
    await node.backup(target);
    const dataDir = join(directory, "restored");
    const data = await readFile(join(target, "node.mdb"));
    data[data.length - 1] = (data[data.length - 1] ?? 0) ^ 1;
    await writeFile(join(target, "node.mdb"), data);
    await expect(restoreNode({ backup: target, dataDir })).rejects.toThrow(/checksum/);
    await rm(join(target, "backup.json"));
    await expect(restoreNode({ backup: target, dataDir })).rejects.toThrow(/not a complete backup/);
    expect((await readdir(directory)).toSorted()).toEqual(["backup", "data"]);
  });
});
