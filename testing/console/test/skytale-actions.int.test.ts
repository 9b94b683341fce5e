import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CreatedAccount, restoreSkytale, type SkytaleServer, startSkytale } from "@parley/skytale-server";
import { SkytaleChannelManager } from "skytale";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestAdmin } from "./admin-client.ts";

const TEAM = "acme/team/general";

let admin: TestAdmin;
let server: SkytaleServer;
let directory: string;
let acme: CreatedAccount;
let other: CreatedAccount;
let managers: SkytaleChannelManager[];

async function startIn(dataDir: string): Promise<void> {
  admin = await TestAdmin.create();
  server = await startSkytale({ port: 0, relayPort: 0, dataDir, logger: false, admin: admin.server });
  await admin.listen();
}

async function stop(): Promise<void> {
  await Promise.all(managers.map((manager) => manager.close()));
  managers = [];
  await admin.close();
  await server.close();
}

function manager(identity: string, apiKey: string, dataDir = join(directory, identity)): SkytaleChannelManager {
  const config = { endpoint: server.relayUrl, apiUrl: server.apiUrl, apiKey, identity, dataDir, onWarning: () => undefined };
  const created = new SkytaleChannelManager(config);
  managers.push(created);
  return created;
}

async function call(path: string, apiKey: string): Promise<Response> {
  return fetch(`${server.apiUrl}${path}`, { headers: { authorization: `Bearer ${apiKey}` } });
}

beforeEach(async () => {
  managers = [];
  directory = await mkdtemp(join(tmpdir(), "parley-skytale-actions-"));
  await startIn(join(directory, "data"));
  acme = await server.createAccount({ email: "ops@acme.example", name: "Acme" });
  other = await server.createAccount({ email: "ops@other.example", name: "Other" });
});

afterEach(async () => {
  await stop();
  await rm(directory, { recursive: true });
});

/** Alice and bob, of different accounts, on a channel of alice's. */
async function team(): Promise<{ alice: SkytaleChannelManager; bob: SkytaleChannelManager }> {
  const alice = manager("alice", acme.apiKey.key);
  const bob = manager("bob", other.apiKey.key);
  await alice.create(TEAM);
  await bob.joinWithToken(TEAM, await alice.invite(TEAM), { timeoutMs: 60_000 });
  await alice.send(TEAM, "a confidential text");
  await expect(bob.receive(TEAM, { timeoutMs: 60_000 })).resolves.toContain("a confidential text");
  return { alice, bob };
}

describe("channels", () => {
  it("deletes a channel with its messages and grants; its name is free, and its sequence numbers continue", async () => {
    await team();
    const before = (await admin.read("skytale", "channel", { name: TEAM })).body;
    expect((await admin.act("skytale", "delete-channel", { channel: TEAM })).body).toEqual({ deleted: TEAM });
    expect((await admin.read("skytale", "channel", { name: TEAM })).body).toEqual({ name: TEAM, exists: false });
    // The relay ends the subscriptions of both agents at once.
    const ended = (await admin.get("/api/events?filter=kind:relay-refused")).body as unknown as { outcome: string }[];
    expect(ended.filter(({ outcome }) => outcome === "subscription").length).toBeGreaterThanOrEqual(2);
    expect(await (await call("/v1/channels", other.apiKey.key)).json()).toMatchObject({ channels: [] });
    expect((await admin.act("skytale", "delete-channel", { channel: TEAM })).body["error"]).toBe("no such channel");
    const anew = manager("carol", acme.apiKey.key);
    await anew.create(TEAM);
    await anew.send(TEAM, "the first text of the new channel");
    const dave = manager("dave", other.apiKey.key);
    await dave.joinWithToken(TEAM, await anew.invite(TEAM), { timeoutMs: 60_000 });
    await anew.send(TEAM, "for dave");
    await expect(dave.receive(TEAM, { timeoutMs: 60_000 })).resolves.toContain("for dave");
    const after = (await admin.read("skytale", "channel", { name: TEAM })).body;
    // A member may have committed new keys before the deletion.
    expect(after["first"]).toBeGreaterThanOrEqual(Number(before["next"]));
    expect((after["accounts"] as unknown[]).length).toBe(1);
  });
});

describe("accounts", () => {
  it("deletes an account with its keys and its access, and with its channels only if that is confirmed", async () => {
    const { bob } = await team();
    await bob.create("other/own/channel");
    const refused = await admin.act("skytale", "delete-account", { account: acme.id });
    expect([refused.status, refused.body["error"]]).toEqual([409, expect.stringContaining(TEAM)]);
    expect((await call("/v1/channels", acme.apiKey.key)).status).toBe(200);
    const gone = await admin.act("skytale", "delete-account", { account: acme.id, channels: "delete" });
    expect(gone.body).toEqual({ deleted: acme.id, channels: [TEAM] });
    expect((await call("/v1/channels", acme.apiKey.key)).status).toBe(401);
    expect(await (await call("/v1/channels", other.apiKey.key)).json()).toMatchObject({ channels: [{ name: "other/own/channel" }] });
    const { body } = await admin.read("skytale", "accounts");
    expect((body["accounts"] as { id: string }[]).map(({ id }) => id)).not.toContain(acme.id);
    // Email, org and name are free.
    const again = await server.createAccount({ email: "ops@acme.example", name: "Acme" });
    await manager("erin", again.apiKey.key).create(TEAM);
  });

  it("deletes a member's account, whose messages stay", async () => {
    const { alice } = await team();
    expect((await admin.act("skytale", "delete-account", { account: other.id })).body).toEqual({ deleted: other.id, channels: [] });
    const { body } = await admin.read("skytale", "channel", { name: TEAM });
    expect([body["exists"], body["accounts"]]).toEqual([true, []]);
    await alice.send(TEAM, "still here");
    expect((await admin.act("skytale", "delete-account", { account: other.id })).body["error"]).toBe("no such account");
  });
});

describe("keys", () => {
  it("creates an API key by its hash and revokes it", async () => {
    const id = `a${randomBytes(12).toString("base64url").slice(1)}`;
    const key = `sk_live_${id}${randomBytes(32).toString("base64url")}`;
    const hash = createHash("sha256").update(key).digest("base64url");
    expect((await call("/v1/channels", key)).status).toBe(401);
    const about = { account: acme.id, key: id, hash, name: "ci" };
    expect((await admin.act("skytale", "create-key", about)).body).toMatchObject({ id, accountId: acme.id, name: "ci" });
    expect((await call("/v1/channels", key)).status).toBe(200);
    expect((await admin.act("skytale", "create-key", about)).body["error"]).toMatch(/with this id/);
    expect((await admin.act("skytale", "create-key", { ...about, hash: "short" })).status).toBe(409);
    expect((await admin.act("skytale", "revoke-key", { key: id })).status).toBe(200);
    expect((await call("/v1/channels", key)).status).toBe(401);
  });

  it("rotates server.key: tokens stay valid, after a restart, too", async () => {
    const data = join(directory, "data");
    const { alice } = await team();
    const former = await readFile(join(data, "server.key"), "utf8");
    const keys = await (await fetch(`${server.apiUrl}/.well-known/jwks.json`)).text();
    expect((await admin.act("skytale", "rotate-server-key")).body).toEqual({ rotated: true });
    expect(await readFile(join(data, "server.key"), "utf8")).not.toBe(former);
    await alice.send(TEAM, "one more");
    await stop();
    await startIn(data);
    expect(await (await fetch(`${server.apiUrl}/.well-known/jwks.json`)).text()).toBe(keys);
    const again = manager("alice", acme.apiKey.key);
    await again.open(TEAM);
    await again.send(TEAM, "and another");
  });
});

describe("backup", () => {
  it("backs up a server in use, and restores it", async () => {
    const { alice, bob } = await team();
    const target = join(directory, "backup");
    const { status } = await admin.act("skytale", "backup", { directory: target });
    expect(status).toBe(200);
    expect((await readdir(target)).toSorted()).toEqual(["backup.json", "server.key", "skytale.mdb"]);
    for (const name of await readdir(target)) expect((await stat(join(target, name))).mode & 0o777).toBe(0o600);
    await Promise.all([alice.close(), bob.close()]);
    await stop();
    await restoreSkytale({ backup: target, dataDir: join(directory, "restored") });
    await startIn(join(directory, "restored"));
    const again = manager("alice", acme.apiKey.key);
    const listener = manager("bob", other.apiKey.key);
    await Promise.all([again.open(TEAM), listener.open(TEAM)]);
    await again.send(TEAM, "after the restore");
    await expect(listener.receive(TEAM, { timeoutMs: 60_000 })).resolves.toContain("after the restore");
  });
});
