import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { memoryStore } from "@parley/mls-engine";
import type { SkytaleServer } from "@parley/skytale-server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiClient } from "../../src/api/api-client.ts";
import { encodeToken, createInvite, decodeToken } from "../../src/invites/invite.ts";
import { JoinRequestStore } from "../../src/invites/join-request-store.ts";
import { requestWelcome, type ApprovedJoin } from "../../src/invites/request-welcome.ts";
import { signatureKeyIn } from "../../src/invites/key-package-holder.ts";
import { CHANNEL, Host, newAccount, newKeyPackage, PlainChannel, startServer, tampering } from "./world.ts";

let server: SkytaleServer;
let channel: PlainChannel;
let ownerKey: string;
let alice: Host;
let joiners: ApiClient[];
let dataDir: string;
let count = 0;

const never = new AbortController().signal;

/** A member with the account of the channel's owner. */
function host(seed: number, apiUrl = server.apiUrl): Host {
  return new Host(new ApiClient({ apiUrl, apiKey: ownerKey }), channel, seed);
}

async function newJoiner(): Promise<ApiClient> {
  const api = new ApiClient({ apiUrl: server.apiUrl, apiKey: await newAccount(server, `joiner-${++count}`) });
  joiners.push(api);
  return api;
}

const waiting = async (): Promise<number> => (await alice.api.pending(CHANNEL)).joins.length;

/** A joiner with its own store. */
async function join(
  token: string,
  options: { api?: ApiClient; store?: JoinRequestStore; timeout?: number; keyPackage?: Uint8Array } = {},
): Promise<ApprovedJoin> {
  const api = options.api ?? (await newJoiner());
  const keyPackage = async (): Promise<Uint8Array> => options.keyPackage ?? (await newKeyPackage());
  const records = options.store ?? new JoinRequestStore(memoryStore());
  return requestWelcome(
    { channel: CHANNEL, invite: decodeToken(token), until: performance.now() + (options.timeout ?? 20) * 1000 },
    { api, joinRequests: records, keyPackage, signal: never },
  );
}

beforeEach(async () => {
  joiners = [];
  dataDir = await mkdtemp(joinPath(tmpdir(), "admissions-"));
  server = await startServer({ dataDir });
  channel = new PlainChannel();
  ownerKey = await newAccount(server, "alice");
  alice = host(1);
  await alice.api.createChannel(CHANNEL, "first");
});

afterEach(async () => {
  await alice[Symbol.asyncDispose]();
  await Promise.all(joiners.map((api) => api.close()));
  await server.close();
  await rm(dataDir, { recursive: true });
});

describe("a joiner", () => {
  it("is admitted immediately by the inviter", async () => {
    alice.online();
    const { welcome, finish } = await join(await alice.invite());
    expect(Buffer.from(welcome).toString()).toBe("welcome 1");
    await finish();
    expect(alice.errors).toEqual([]);
  });

  it("is admitted with many others by few commits", async () => {
    const token = await alice.invite({ maxUses: 20 });
    const joining = Array.from({ length: 20 }, () => join(token));
    await expect.poll(waiting).toBe(20);
    alice.online();
    await Promise.all(joining);
    expect(channel.members).toHaveLength(21);
    expect(channel.commits).toEqual([20]);
  });

  it("is admitted by few commits when requests arrive in sequence", async () => {
    alice.online();
    channel.onCommit = () => new Promise((resolve) => setImmediate(resolve));
    const token = await alice.invite({ maxUses: 20 });
    await Promise.all(Array.from({ length: 20 }, () => join(token)));
    expect(channel.members).toHaveLength(21);
    expect(channel.commits.length).toBeLessThan(20);
  });

  it("is admitted by any online member when the inviter is offline", async () => {
    const token = await alice.invite();
    await using bob = host(2);
    bob.online();
    await join(token);
    expect(channel.commits).toEqual([1]);
  });

  it("is added once when several members are online", async () => {
    const hosts = [2, 3, 4].map((seed) => host(seed));
    for (const member of hosts) member.online();
    const token = await alice.invite({ maxUses: 5 });
    alice.online();
    await Promise.all(Array.from({ length: 5 }, () => join(token)));
    expect(channel.commits.every((added) => added > 0)).toBe(true);
    expect(channel.members).toHaveLength(4 + 5);
    for (const member of hosts) await member[Symbol.asyncDispose]();
  });

  it("continues with the same request after join_timeout, and after a restart", async () => {
    const token = await alice.invite();
    const api = await newJoiner();
    const store = memoryStore();
    const records = new JoinRequestStore(store);
    await expect(join(token, { api, store: records, timeout: 0.2 })).rejects.toMatchObject({ code: "join_timeout", retryable: true });
    await records.close();
    const { joins } = await alice.api.pending(CHANNEL);
    alice.online();
    const { finish } = await join(token, { api, store: new JoinRequestStore(store) });
    expect(channel.has(signatureKeyIn(joins[0]?.keyPackage ?? new Uint8Array()) ?? new Uint8Array())).toBe(true);
    await finish();
    // It is forgotten: another call is another request.
    await expect(join(token, { api, store: records })).rejects.toMatchObject({
      code: expect.stringMatching(/invite_exhausted|closed/) as string,
    });
  });

  it("is admitted when the server restarts between request and answer", async () => {
    const token = await alice.invite();
    const { apiPort, relayPort } = server;
    const joining = join(token);
    await expect.poll(waiting).toBe(1);
    await server.close();
    server = await startServer({ dataDir, port: apiPort, relayPort });
    alice.online();
    await joining;
    expect(channel.commits).toEqual([1]);
  });

  it.each([
    ["the others saw that", async (key: Uint8Array) => void channel.recentlyAdded.push(key)],
    ["came back", async (_key: Uint8Array, requestId: Uint8Array) => alice.pendingAdmissions.add([requestId])],
  ])("is removed and added again when the approving member stopped before storing the welcome, and %s", async (_, know) => {
    const keyPackage = await newKeyPackage();
    const key = signatureKeyIn(keyPackage) ?? new Uint8Array();
    const joining = join(await alice.invite(), { keyPackage });
    await expect.poll(waiting).toBe(1);
    channel.members.push(key);
    const [request] = (await alice.api.pending(CHANNEL)).joins;
    await know(key, request?.requestId ?? new Uint8Array());
    alice.online();
    await joining;
    expect(channel.commits).toEqual([-1, 1]);
  });
});

describe("a joiner whose approving member is slow", () => {
  it("is not removed once its welcome is stored", async () => {
    const keyPackage = await newKeyPackage();
    const key = signatureKeyIn(keyPackage) ?? new Uint8Array();
    const joining = join(await alice.invite(), { keyPackage });
    await expect.poll(waiting).toBe(1);
    channel.members.push(key);
    channel.recentlyAdded.push(key);
    // Bob gets the answer of before until he is about to remove the joiner.
    let before: string | undefined;
    let lookedUp = false;
    await using proxy = await tampering(server.apiUrl, (path, body) => {
      if (!path.startsWith("/v1/channels/pending?") || lookedUp) return body;
      return (before ??= body);
    });
    await using bob = host(2, proxy.url);
    const checked = new Promise<void>((resolve) => {
      channel.onLookUp = () => {
        lookedUp = true;
        resolve();
      };
    });
    bob.online();
    await expect.poll(() => before).toBeDefined();
    const [request] = (await alice.api.pending(CHANNEL)).joins;
    if (request === undefined) throw new Error("the request has an answer");
    await alice.api.approveJoin({ ...request, memberKey: key }, new TextEncoder().encode("welcome"));
    await joining;
    await checked;
    await bob.offline();
    expect(channel.commits).toEqual([]);
    expect(channel.has(key)).toBe(true);
  });
});

describe("a join request", () => {
  it("is ignored and reported if its key package was swapped in transit", async () => {
    const evil = Buffer.from(await newKeyPackage()).toString("base64url");
    await using proxy = await tampering(server.apiUrl, (path, body) =>
      path.startsWith("/v1/channels/pending?") ? body.replaceAll(/"key_package":"[^"]*"/g, `"key_package":"${evil}"`) : body,
    );
    const token = await alice.invite();
    await using fooled = host(3, proxy.url);
    fooled.online();
    const joining = join(token);
    await expect.poll(() => fooled.codes()).toEqual(["key_package_swapped"]);
    expect(channel.commits).toEqual([]);
    // Without the attacker, the joiner is admitted.
    await using bob = host(2);
    bob.online();
    await joining;
    expect(channel.has(signatureKeyIn(Buffer.from(evil, "base64url")) ?? new Uint8Array())).toBe(false);
  });

  it("of a member, replayed by the server, does not remove the member", async () => {
    const keyPackage = await newKeyPackage();
    const api = await newJoiner();
    const joining = join(await alice.invite(), { api, keyPackage, timeout: 2 });
    await expect.poll(waiting).toBe(1);
    channel.members.push(signatureKeyIn(keyPackage) ?? new Uint8Array());
    alice.online();
    await expect(joining).rejects.toMatchObject({ code: "join_timeout" });
    expect(channel.commits).toEqual([]);
  });

  it("is rejected if no member signed its invite", async () => {
    await using stranger = new Host(new ApiClient({ apiUrl: server.apiUrl, apiKey: ownerKey }), new PlainChannel(), 9);
    const token = await stranger.invite();
    alice.online();
    await expect(join(token)).rejects.toMatchObject({
      code: "join_refused",
      message: expect.stringContaining("not signed by a member") as string,
    });
    expect(alice.codes()).toEqual(["invite_unattested"]);
    expect(channel.commits).toEqual([]);
  });

  it("is rejected after the signed expiry of its invite, whatever the server asserts", async () => {
    const token = await alice.invite({ expiresAt: Math.floor(Date.now() / 1000) - 48 * 3600 });
    alice.online();
    await expect(join(token)).rejects.toMatchObject({ code: "join_refused", message: expect.stringContaining("expired") as string });
    expect(alice.codes()).toEqual(["invite_expired"]);
  });

  it("is undone if the server rejects its welcome", async () => {
    const { apiPort, relayPort } = server;
    await server.close();
    server = await startServer({ dataDir, port: apiPort, relayPort, limits: { api: { requestsPerSecond: 10_000, maxWelcomeBytes: 3 } } });
    alice.online();
    await expect(join(await alice.invite())).rejects.toMatchObject({ code: "join_refused" });
    expect(channel.commits).toEqual([1, -1]);
    expect(channel.members).toHaveLength(1);
  });

  it("is rejected for a malformed key package, without affecting others", async () => {
    const token = await alice.invite({ maxUses: 3 });
    const joining = [join(token), join(token, { keyPackage: new Uint8Array([1, 2, 3]) }), join(token)];
    await expect.poll(waiting).toBe(3);
    alice.online();
    const outcomes = await Promise.allSettled(joining);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: "join_refused" } });
    expect(channel.members).toHaveLength(3);
  });

  it("is rejected for a token of another server or channel", async () => {
    await expect(join(encodeToken(createInvite()))).rejects.toMatchObject({
      name: "InviteError",
      code: "invite_unknown",
      retryable: false,
    });
  });

  it("is rejected for an exhausted token", async () => {
    const token = await alice.invite();
    alice.online();
    await join(token);
    await expect(join(token)).rejects.toMatchObject({ code: "invite_exhausted", retryable: false });
  });

  it("is rejected for a revoked token", async () => {
    const token = await alice.invite();
    await alice.api.revokeInvite(CHANNEL, decodeToken(token).id);
    await expect(join(token)).rejects.toMatchObject({ code: "invite_revoked", retryable: false });
  });

  it("is rejected for an expired token", async () => {
    const token = await alice.invite({ ttlSeconds: 1, maxUses: 1000 });
    const codeNow = (): Promise<string> => join(token, { timeout: 0.1 }).then(String, (error: { code: string }) => error.code);
    await expect.poll(codeNow, { interval: 200 }).toBe("invite_expired");
  });

  it("is rejected when its invite is revoked while it is pending", async () => {
    const token = await alice.invite();
    const joining = expect(join(token)).rejects.toMatchObject({
      code: "join_refused",
      message: expect.stringContaining("revoked") as string,
    });
    await expect.poll(waiting).toBe(1);
    await alice.api.revokeInvite(CHANNEL, decodeToken(token).id);
    await joining;
  });
});
