import { generateKeyPairSync, randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient, expectRefusal, type Answer } from "./api-client.ts";
import { attest, check, composeToken, makeInvite, parseToken, prove, type Invite, registration } from "./reference-invite.ts";

const CHANNEL = "acme/team/general";
const PENDING = `/v1/channels/pending?channel=${encodeURIComponent(CHANNEL)}`;

let server: SkytaleServer;
let alice: ApiClient;
let bob: ApiClient & { readonly accountId: string };

async function invite(
  options: { readonly max_uses?: number; readonly ttl_seconds?: number } = {},
  made: Invite = makeInvite(),
): Promise<Invite> {
  const body = { ...registration(made, CHANNEL, options.max_uses), ...options };
  const answer = await alice.post("/v1/channels/invites", body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  expect(answer.body["id"]).toBe(made.id.toString("base64url"));
  return made;
}

function join(client: ApiClient, by: Invite, change: object = {}, keyPackage: Buffer = randomBytes(300)): Promise<Answer> {
  return client.post("/v1/channels/joins", { ...prove(by, CHANNEL, keyPackage), ...change });
}

async function pending(client: ApiClient = alice): Promise<readonly Record<string, unknown>[]> {
  return (await client.get(PENDING)).body["pending"] as Record<string, unknown>[];
}

function admit(requestId: unknown, welcome = "d2VsY29tZQ"): Promise<Answer> {
  return alice.post(`/v1/channels/pending/${String(requestId)}/welcome`, { channel: CHANNEL, welcome, sequence: 7 });
}

beforeEach(async () => {
  server = await startSkytale({
    port: 0,
    relayPort: 0,
    logger: false,
    limits: { api: { requestsPerSecond: 100_000, signupsPerHour: 10_000 } },
  });
  alice = await ApiClient.signUp(server.apiUrl, "alice");
  bob = await ApiClient.signUp(server.apiUrl, "bob");
  expect((await alice.post("/v1/channels", { name: CHANNEL })).status).toBe(201);
});

afterEach(() => server.close());

describe("joining by an invite", () => {
  it("takes a request, shows it to members, and gives the joiner the welcome and the right to the channel", async () => {
    const made = await invite();
    const token = composeToken(made);
    expect(token).toMatch(/^skt_inv_[\w-]{64}$/);
    const keyPackage = randomBytes(300);
    const request = prove(parseToken(token), CHANNEL, keyPackage);
    const submitted = await bob.post("/v1/channels/joins", request);
    expect(submitted.status).toBe(202);
    expect(submitted.body).toMatchObject({ request_id: request.request_id, channel: CHANNEL, status: "pending" });

    const [found] = await pending();
    expect(found).toMatchObject({
      request_id: request.request_id,
      account_id: bob.accountId,
      key_package: keyPackage.toString("base64url"),
      proof: request.proof,
      invite: { invite_key: made.key.toString("base64url"), max_uses: 1 },
    });
    expect((await admit(request.request_id)).status).toBe(204);
    expect(await pending()).toEqual([]);

    const answer = await bob.get(`/v1/channels/joins/${request.request_id}`);
    expect(answer.body).toMatchObject({ status: "admitted", welcome: "d2VsY29tZQ", sequence: 7 });
    expect((await bob.get("/v1/channels")).body["channels"]).toEqual([{ name: CHANNEL, role: "member", created_at: expect.any(String) }]);
    expect((await bob.delete(`/v1/channels/joins/${request.request_id}`)).status).toBe(204);
    expectRefusal(await bob.get(`/v1/channels/joins/${request.request_id}`), 404, "join_unknown");
    expect((await bob.get("/v1/channels")).body["channels"]).toHaveLength(1);
  });

  it("can be rejected by a member, which releases the use", async () => {
    const made = await invite();
    const { body } = await join(bob, made);
    expectRefusal(await join(bob, made), 410, "invite_exhausted");
    const refusal = { channel: CHANNEL, reason: "not today" };
    expect((await alice.post(`/v1/channels/pending/${String(body["request_id"])}/refusal`, refusal)).status).toBe(204);
    expect((await bob.get(`/v1/channels/joins/${String(body["request_id"])}`)).body).toMatchObject({
      status: "refused",
      reason: "not today",
    });
    expect((await bob.get("/v1/channels")).body["channels"]).toEqual([]);
    expect((await join(bob, made)).status).toBe(202);
  });

  it("can be withdrawn by the joiner, which releases the use", async () => {
    const made = await invite();
    const { body } = await join(bob, made);
    expect((await bob.delete(`/v1/channels/joins/${String(body["request_id"])}`)).status).toBe(204);
    expect(await pending()).toEqual([]);
    expect((await join(bob, made)).status).toBe(202);
  });

  it("answers repeated calls as the first one", async () => {
    const made = makeInvite();
    const body = registration(made, CHANNEL);
    for (const answer of [await alice.post("/v1/channels/invites", body), await alice.post("/v1/channels/invites", body)]) {
      expect(answer).toMatchObject({ status: 201, body: { id: made.id.toString("base64url") } });
    }
    const request = prove(made, CHANNEL, randomBytes(10));
    expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
    expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
    expect(await pending()).toHaveLength(1);
    expect((await admit(request.request_id)).status).toBe(204);
    expect((await admit(request.request_id)).status).toBe(204);
    expectRefusal(await admit(request.request_id, "b3RoZXI"), 409, "already_answered");
    expect((await bob.post("/v1/channels/joins", request)).body).toMatchObject({ status: "admitted" });
    const other = prove(made, CHANNEL, randomBytes(10), Buffer.from(request.request_id, "base64url"));
    expectRefusal(await bob.post("/v1/channels/joins", other), 409, "id_taken");
    expectRefusal(await alice.post("/v1/channels/joins", request), 409, "id_taken");
  });

  it("wakes a member who waits for requests, and a joiner who waits for the answer", async () => {
    const made = await invite({ max_uses: 2 });
    const waitingMember = alice.get(`${PENDING}&wait=20`);
    const request = prove(made, CHANNEL, randomBytes(10));
    await bob.post("/v1/channels/joins", request);
    const { body } = await waitingMember;
    expect(body["pending"]).toHaveLength(1);
    const next = `&after=${String(body["next"])}`;
    expect((await alice.get(PENDING + next)).body["pending"]).toEqual([]);

    const waitingJoiner = bob.get(`/v1/channels/joins/${request.request_id}?wait=20`);
    const waitingForMore = alice.get(`${PENDING}${next}&wait=20`);
    await admit(request.request_id);
    expect((await waitingJoiner).body).toMatchObject({ status: "admitted" });
    const second = prove(made, CHANNEL, randomBytes(10));
    await bob.post("/v1/channels/joins", second);
    expect((await waitingForMore).body["pending"]).toMatchObject([{ request_id: second.request_id }]);
  });

  it("ends waiting calls when the server stops", async () => {
    const waiting = alice.get(`${PENDING}&wait=30`);
    // The call is there once the server counts it.
    await expect.poll(async () => (await (await fetch(`${server.apiUrl}/metrics`)).text()).includes("skytale_api_waiting 1")).toBe(true);
    await server.close();
    expect((await waiting).body).toEqual({ pending: [] });
  });
});

describe("an invite that can't be used", () => {
  it("is unknown, with a proof that doesn't fit or on another channel too", async () => {
    expectRefusal(await join(bob, makeInvite()), 404, "invite_unknown");
    const made = await invite();
    const other = makeInvite();
    expectRefusal(await join(bob, { ...made, secret: other.secret }), 404, "invite_unknown");
    expectRefusal(await join(bob, made, { key_package: "AAAA" }), 404, "invite_unknown");
    expectRefusal(await join(bob, made, { channel: "acme/team/other" }), 404, "invite_unknown");
    expectRefusal(await join(bob, made, { request_id: randomBytes(16).toString("base64url") }), 404, "invite_unknown");
    expect(await pending()).toEqual([]);
  });

  it("is exhausted", async () => {
    const made = await invite({ max_uses: 2 });
    await join(bob, made);
    const { body } = await join(bob, made);
    await admit(body["request_id"]);
    expectRefusal(await join(bob, made), 410, "invite_exhausted");
  });

  it("is revoked, and those who wait by it are refused at once", async () => {
    const made = await invite({ max_uses: 3 });
    const { body } = await join(bob, made);
    const waiting = bob.get(`/v1/channels/joins/${String(body["request_id"])}?wait=20`);
    const path = `/v1/channels/invites/${made.id.toString("base64url")}?channel=${encodeURIComponent(CHANNEL)}`;
    expect((await alice.delete(path)).status).toBe(204);
    expect((await waiting).body).toMatchObject({ status: "refused", reason: "the invite was revoked" });
    expect(await pending()).toEqual([]);
    expectRefusal(await join(bob, made), 410, "invite_revoked");
    const { body: list } = await alice.get(`/v1/channels/invites?channel=${encodeURIComponent(CHANNEL)}`);
    expect(list["invites"]).toMatchObject([{ status: "revoked", uses: 0, max_uses: 3 }]);
    expectRefusal(await admit(body["request_id"]), 409, "already_answered");
  });
});

/** A channel with an invite, and what one may do to it. */
async function openChannel(channel: string, maxUses: number) {
  await alice.post("/v1/channels", { name: channel });
  const made = makeInvite();
  await alice.post("/v1/channels/invites", registration(made, channel, maxUses));
  const query = `channel=${encodeURIComponent(channel)}`;
  const open: string[] = [];
  const party = {
    admitted: 0,
    unexpected: [] as unknown[],
    waiting: async () => ((await alice.get(`/v1/channels/pending?${query}`)).body["pending"] as unknown[]).length,
    uses: async () => ((await alice.get(`/v1/channels/invites?${query}`)).body["invites"] as { uses: number }[])[0]?.uses ?? -1,
    async take(step: "join" | "admit" | "refuse" | "withdraw"): Promise<void> {
      if (step === "join") {
        const { body } = await bob.post("/v1/channels/joins", prove(made, channel, randomBytes(10)));
        if (body["status"] === "pending") open.push(String(body["request_id"]));
        else if (body["code"] !== "invite_exhausted") party.unexpected.push(body);
        return;
      }
      const id = open.shift();
      if (id === undefined) return;
      const path = `/v1/channels/pending/${id}`;
      const answer = await (step === "admit"
        ? alice.post(`${path}/welcome`, { channel, welcome: "AAAA" })
        : step === "refuse"
          ? alice.post(`${path}/refusal`, { channel })
          : bob.delete(`/v1/channels/joins/${id}`));
      if (answer.status !== 204) party.unexpected.push(answer.body);
      else if (step === "admit") party.admitted++;
    },
  };
  return party;
}

describe("counting", () => {
  it("never admits more than max_uses joiners under concurrent calls", async () => {
    const step = fc.constantFrom("join", "join", "admit", "refuse", "withdraw");
    let runs = 0;
    const run = fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { minLength: 10, maxLength: 60 }),
      async (maxUses, steps) => {
        const party = await openChannel(`acme/counting/${++runs}`, maxUses);
        const left = [...steps];
        const most = { waiting: 0, uses: 0 };
        // Several who each do one step after the other.
        const worker = async (): Promise<void> => {
          for (let next = left.shift(); next !== undefined; next = left.shift()) {
            await party.take(next);
            const [waiting, uses] = await Promise.all([party.waiting(), party.uses()]);
            most.waiting = Math.max(most.waiting, waiting);
            most.uses = Math.max(most.uses, uses);
          }
        };
        await Promise.all(Array.from({ length: 5 }, worker));
        expect(party.unexpected).toEqual([]);
        expect(most.waiting).toBeLessThanOrEqual(maxUses);
        expect(most.uses).toBeLessThanOrEqual(maxUses);
        expect(await party.uses()).toBe(party.admitted + (await party.waiting()));
        expect(party.admitted).toBeLessThanOrEqual(maxUses);
      },
    );
    await fc.assert(run, { numRuns: 20 });
  });

  it("takes exactly max_uses of many who join at once", async () => {
    const made = await invite({ max_uses: 5 });
    const answers = await Promise.all(Array.from({ length: 40 }, () => join(bob, made)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(35);
  });
});

describe("what a member checks", () => {
  const now = Math.floor(Date.now() / 1000);
  // Made by import of what was asked for in the call: keys of members.
  const member = generateKeyPairSync("ed25519");
  const mallory = generateKeyPairSync("ed25519");
  const terms = { channel: CHANNEL, maxUses: 1, expiresAt: now + 3600 };
  const by = { channel: CHANNEL, members: [member.publicKey], now };
  const made = makeInvite();
  const request = prove(made, CHANNEL, Buffer.from("the joiner's"));
  const shown = { invite_key: made.key.toString("base64url"), attestation: attest(made, terms, member.privateKey).toString("base64url") };

  it("is right for an honest request", () => {
    expect(() => check(request, shown, by)).not.toThrow();
  });

  it.each<[string, () => void]>([
    ["a swapped key package", () => check({ ...request, key_package: Buffer.from("the server's").toString("base64url") }, shown, by)],
    ["a key package and proof by an invite that the server made", () => check(prove(makeInvite(), CHANNEL, Buffer.from("x")), shown, by)],
    [
      "an invite that the server made and attested",
      () => {
        const own = makeInvite();
        const attestation = attest(own, terms, mallory.privateKey).toString("base64url");
        check(prove(own, CHANNEL, Buffer.from("x")), { invite_key: own.key.toString("base64url"), attestation }, by);
      },
    ],
    ["a request for another channel", () => check(prove(made, "acme/team/other", Buffer.from("x")), shown, by)],
    ["an invite of another channel", () => check(request, shown, { ...by, channel: "acme/team/other" })],
    ["a request id that was changed", () => check({ ...request, request_id: randomBytes(16).toString("base64url") }, shown, by)],
    ["a replay after the end", () => check(request, shown, { ...by, now: now + 3600 + 24 * 3600 + 1 })],
    ["an invite of a former member", () => check(request, shown, { ...by, members: [] })],
  ])("finds %s", (_name, attempt) => {
    expect(attempt).toThrow(Error);
  });

  it("finds every token that was changed by a character", () => {
    const token = composeToken(made);
    const isSound = (text: string): boolean => {
      try {
        return composeToken(parseToken(text)) === text;
      } catch {
        return false;
      }
    };
    expect(isSound(token)).toBe(true);
    const characters = Array.from("ABYZabyz0189-_");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: token.length - 1 }), fc.constantFrom(...characters), (at, character) => {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        fc.pre(changed !== token);
        expect(isSound(changed)).toBe(false);
      }),
    );
  });
});
