import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SkytaleOptions } from "../../src/options.ts";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient, expectRefusal, type Answer } from "./api-client.ts";
import { makeInvite, prove, registration } from "./reference-invite.ts";

type Member = ApiClient & { readonly accountId: string };

const CHANNEL = "acme/team/general";
const QUERY = `channel=${encodeURIComponent(CHANNEL)}`;

let server: SkytaleServer;
let alice: Member;
let bob: Member;

async function start(options: SkytaleOptions = {}): Promise<void> {
  await server?.close();
  server = await startSkytale({ port: 0, relayPort: 0, logger: false, ...options });
  alice = await ApiClient.signUp(server.apiUrl, "alice");
  bob = await ApiClient.signUp(server.apiUrl, "bob");
}

beforeEach(() => start());
afterEach(() => server.close());

describe("channels", () => {
  it("are created and listed", async () => {
    const { status, body } = await alice.post("/v1/channels", { name: CHANNEL });
    expect(status).toBe(201);
    expect(body).toEqual({ name: CHANNEL, role: "owner", created_at: expect.any(String) });
    expect((await alice.get("/v1/channels")).body).toEqual({ channels: [body] });
    expect((await bob.get("/v1/channels")).body).toEqual({ channels: [] });
  });

  it("are listed in pages", async () => {
    const names = Array.from({ length: 7 }, (_, n) => `acme/team/${n}`);
    for (const name of names) expect((await alice.post("/v1/channels", { name })).status).toBe(201);
    const found: string[] = [];
    let next: unknown;
    do {
      const { body } = await alice.get(`/v1/channels?limit=3${next === undefined ? "" : `&after=${String(next)}`}`);
      const page = body["channels"] as { name: string }[];
      expect(page.length).toBeLessThanOrEqual(3);
      found.push(...page.map(({ name }) => name));
      next = body["next"];
    } while (next !== undefined);
    expect(found.toSorted()).toEqual(names);
  });

  it("belong to the account that was the first in their org", async () => {
    await alice.post("/v1/channels", { name: CHANNEL });
    expectRefusal(await bob.post("/v1/channels", { name: CHANNEL }), 409, "org_taken");
    expectRefusal(await bob.post("/v1/channels", { name: "acme/team/other" }), 409, "org_taken");
    expect((await bob.post("/v1/channels", { name: "acme2/team/general" })).status).toBe(201);
  });

  it("have one owner, even if many accounts create one concurrently", async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, (_, n) => ApiClient.signUp(server.apiUrl, `client-${n}`)));
    const answers = await Promise.all(clients.map((client, n) => client.post("/v1/channels", { name: `race/team/${n}` })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ body }) => body["code"] === "org_taken")).toHaveLength(7);
  });

  it("are created once; a repeated call succeeds with the same idempotency key only", async () => {
    const call = { name: CHANNEL, idempotency_key: "this call" };
    expect((await alice.post("/v1/channels", call)).status).toBe(201);
    expect((await alice.post("/v1/channels", call)).status).toBe(200);
    expectRefusal(await alice.post("/v1/channels", { name: CHANNEL }), 409, "channel_exists");
    expectRefusal(await alice.post("/v1/channels", { ...call, idempotency_key: "another call" }), 409, "channel_exists");
  });

  it.each(["bad-name", "", "a/b", "a/b/c/d", "a//c", "/b/c", "a/b/", "a/b/c ", "a/b/ü", `a/b/${"c".repeat(129)}`, "a/b/\n"])(
    "are not named %j",
    async (name) => {
      const answer = await alice.post("/v1/channels", { name });
      expectRefusal(answer, 400, "invalid_channel_name");
      expect(answer.body["error"]).toBe(`invalid channel name: ${name} (expected org/namespace/service)`);
    },
  );

  it.each(["a/b/c", "org.example/ns_1/svc:2@x", `${"o".repeat(128)}/n/${"s".repeat(128)}`])("may be named %j", async (name) => {
    expect((await alice.post("/v1/channels", { name })).status).toBe(201);
  });

  it("are limited in number, as orgs are", async () => {
    await start({ limits: { api: { maxOrgsPerAccount: 1, maxChannelsPerOrg: 2 } } });
    await alice.post("/v1/channels", { name: "acme/a/1" });
    expectRefusal(await alice.post("/v1/channels", { name: "other/a/1" }), 429, "limit_reached");
    await alice.post("/v1/channels", { name: "acme/a/2" });
    expectRefusal(await alice.post("/v1/channels", { name: "acme/a/3" }), 429, "limit_reached");
  });
});

describe("grants", () => {
  const grant = (client: ApiClient, accountId: string): Promise<Answer> =>
    client.post("/v1/channels/grants", { channel: CHANNEL, account_id: accountId });

  beforeEach(async () => {
    await alice.post("/v1/channels", { name: CHANNEL });
  });

  it("give an account access to a channel until they are withdrawn", async () => {
    expect((await grant(alice, bob.accountId)).status).toBe(201);
    expect((await grant(alice, bob.accountId)).status).toBe(201);
    expect((await bob.get("/v1/channels")).body["channels"]).toMatchObject([{ name: CHANNEL, role: "member" }]);
    expect((await bob.get(`/v1/channels/pending?${QUERY}`)).status).toBe(200);
    const list = await alice.get(`/v1/channels/grants?${QUERY}`);
    expect(list.body).toEqual({ grants: [{ account_id: bob.accountId, made_by: [alice.accountId], created_at: expect.any(String) }] });

    expect((await alice.delete(`/v1/channels/grants?${QUERY}&account_id=${bob.accountId}`)).status).toBe(204);
    expectRefusal(await bob.get(`/v1/channels/pending?${QUERY}`), 404, "not_found");
    expect((await bob.get("/v1/channels")).body["channels"]).toEqual([]);
    expectRefusal(await alice.delete(`/v1/channels/grants?${QUERY}&account_id=${bob.accountId}`), 404, "not_found");
  });

  it("are a matter of the owner", async () => {
    await grant(alice, bob.accountId);
    expectRefusal(await grant(bob, bob.accountId), 404, "not_found");
    expectRefusal(await bob.get(`/v1/channels/grants?${QUERY}`), 404, "not_found");
    expectRefusal(await bob.delete(`/v1/channels/grants?${QUERY}&account_id=${bob.accountId}`), 404, "not_found");
    expectRefusal(await grant(alice, randomUUID()), 404, "not_found");
  });

  it("are limited in number", async () => {
    await start({ limits: { api: { maxGrantsPerChannel: 1 } } });
    const carol = await ApiClient.signUp(server.apiUrl, "carol");
    await alice.post("/v1/channels", { name: CHANNEL });
    await grant(alice, bob.accountId);
    expectRefusal(await grant(alice, carol.accountId), 429, "limit_reached");
  });
});

describe("a stranger with an account", () => {
  const INVITE = makeInvite();
  const ID = INVITE.id.toString("base64url");
  const REQUEST = prove(INVITE, CHANNEL, Buffer.from("key package"));
  const WELCOME = { channel: CHANNEL, welcome: "AAAA" };

  const calls: [string, (stranger: ApiClient) => Promise<Answer>][] = [
    ["the channel's grants", (stranger) => stranger.get(`/v1/channels/grants?${QUERY}`)],
    ["making a grant", (stranger) => stranger.post("/v1/channels/grants", { channel: CHANNEL, account_id: alice.accountId })],
    ["withdrawing a grant", (stranger) => stranger.delete(`/v1/channels/grants?${QUERY}&account_id=${alice.accountId}`)],
    ["making an invite", (stranger) => stranger.post("/v1/channels/invites", registration(INVITE, CHANNEL))],
    ["the channel's invites", (stranger) => stranger.get(`/v1/channels/invites?${QUERY}`)],
    ["revoking an invite", (stranger) => stranger.delete(`/v1/channels/invites/${ID}?${QUERY}`)],
    ["listing join requests", (stranger) => stranger.get(`/v1/channels/pending?${QUERY}`)],
    ["waiting for join requests", (stranger) => stranger.get(`/v1/channels/pending?${QUERY}&wait=20`)],
    ["approving a join request", (stranger) => stranger.post(`/v1/channels/pending/${REQUEST.request_id}/welcome`, WELCOME)],
    ["refusing somebody", (stranger) => stranger.post(`/v1/channels/pending/${REQUEST.request_id}/refusal`, { channel: CHANNEL })],
    ["somebody's request", (stranger) => stranger.get(`/v1/channels/joins/${REQUEST.request_id}`)],
    ["removing the join request of another account", (stranger) => stranger.delete(`/v1/channels/joins/${REQUEST.request_id}`)],
    [
      "joining by the id alone",
      (stranger) => stranger.post("/v1/channels/joins", prove({ ...makeInvite(), id: INVITE.id }, CHANNEL, Buffer.from("x"))),
    ],
    ["the list of channels", (stranger) => stranger.get("/v1/channels")],
  ];

  it.each(calls)("cannot find out from %s whether a channel exists", async (_what, call) => {
    const stranger = await ApiClient.signUp(server.apiUrl, "stranger");
    const missing = await call(stranger);
    await alice.post("/v1/channels", { name: CHANNEL });
    await alice.post("/v1/channels/invites", registration(INVITE, CHANNEL));
    expect((await bob.post("/v1/channels/joins", REQUEST)).status).toBe(202);
    const existing = await call(stranger);
    expect({ status: existing.status, body: existing.body }).toEqual({ status: missing.status, body: missing.body });
    expect(existing.status === 404 || JSON.stringify(existing.body) === '{"channels":[]}').toBe(true);
    // It has changed nothing either.
    const pending = await alice.get(`/v1/channels/pending?${QUERY}`);
    expect(pending.body["pending"]).toMatchObject([{ request_id: REQUEST.request_id }]);
  });
});
