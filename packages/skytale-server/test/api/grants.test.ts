import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient, expectRefusal, type Answer } from "./api-client.ts";
import { makeInvite, prove, registration, type Invite, type JoinRequest } from "./reference-invite.ts";

type Member = ApiClient & { readonly accountId: string };

let server: SkytaleServer;
let owner: Member;
let channel: string;
let names = 0;

beforeAll(async () => {
  server = await startSkytale({
    port: 0,
    relayPort: 0,
    logger: false,
    limits: {
      api: {
        requestsPerSecond: 100_000,
        signupsPerHour: 100_000,
        maxInvitesPerChannel: 16,
        maxInvitesPerAccount: 3,
        maxPendingPerAccount: 3,
        maxGrantsPerAccount: 3,
      },
    },
  });
  owner = await signUp("owner");
});

afterAll(() => server.close());

function signUp(name: string): Promise<Member> {
  return ApiClient.signUp(server.apiUrl, `${name}${++names}`);
}

async function newChannel(): Promise<void> {
  channel = `acme/team/c${++names}`;
  expect((await owner.post("/v1/channels", { name: channel })).status).toBe(201);
}

async function inviteBy(maker: ApiClient, uses = 10): Promise<Invite> {
  const invite = makeInvite();
  const { status, body } = await maker.post("/v1/channels/invites", registration(invite, channel, uses));
  expect(status, JSON.stringify(body)).toBe(201);
  return invite;
}

async function ask(joiner: ApiClient, invite: Invite): Promise<JoinRequest> {
  const request = prove(invite, channel, Buffer.from("key package"));
  expect((await joiner.post("/v1/channels/joins", request)).status).toBe(202);
  return request;
}

function answerAs(member: ApiClient, { request_id: id }: JoinRequest, welcome = "AAAA"): Promise<Answer> {
  return member.post(`/v1/channels/pending/${id}/welcome`, { channel, welcome });
}

async function admitted(joiner: Member, invite: Invite, by: ApiClient): Promise<Member> {
  expect((await answerAs(by, await ask(joiner, invite))).status).toBe(204);
  return joiner;
}

async function granted(name: string): Promise<Member> {
  const member = await signUp(name);
  expect((await owner.post("/v1/channels/grants", { channel, account_id: member.accountId })).status).toBe(201);
  return member;
}

function withdraw({ accountId }: Member): Promise<Answer> {
  return owner.delete(`/v1/channels/grants?channel=${channel}&account_id=${accountId}`);
}

async function mayUse(member: ApiClient): Promise<boolean> {
  return (await member.get(`/v1/channels/pending?channel=${channel}`)).status === 200;
}

describe("withdrawing a grant", () => {
  it("ends the grants that were made by its account's invites, and by theirs", async () => {
    await newChannel();
    const mallory = await granted("mallory");
    const first = await admitted(await signUp("sybil"), await inviteBy(mallory), mallory);
    const second = await admitted(await signUp("sybil"), await inviteBy(first), first);
    expect(await Promise.all([mallory, first, second].map(mayUse))).toEqual([true, true, true]);
    expect((await withdraw(mallory)).status).toBe(204);
    expect(await Promise.all([mallory, first, second].map(mayUse))).toEqual([false, false, false]);
    expect((await owner.get(`/v1/channels/grants?channel=${channel}`)).body).toEqual({ grants: [] });
    expect((await owner.get(`/v1/channels/invites?channel=${channel}`)).body).toEqual({ invites: [] });
  });

  it("refuses the requests that wait by its account's invites", async () => {
    await newChannel();
    const mallory = await granted("mallory");
    const sybil = await signUp("sybil");
    const { request_id: id } = await ask(sybil, await inviteBy(mallory));
    await withdraw(mallory);
    expect((await sybil.get(`/v1/channels/joins/${id}`)).body).toMatchObject({ status: "refused" });
    expect((await owner.get(`/v1/channels/pending?channel=${channel}`)).body["pending"]).toEqual([]);
  });

  it("keeps accounts that joined with an invite of the owner, regardless of the approving member, and those that another member invited too", async () => {
    await newChannel();
    const [bob, dave] = [await granted("bob"), await granted("dave")];
    const carol = await admitted(await signUp("carol"), await inviteBy(owner), bob);
    const erin = await admitted(await signUp("erin"), await inviteBy(bob), bob);
    await admitted(erin, await inviteBy(dave), dave);
    await withdraw(bob);
    expect(await Promise.all([bob, carol, erin].map(mayUse))).toEqual([false, true, true]);
    await withdraw(dave);
    expect(await Promise.all([carol, erin].map(mayUse))).toEqual([true, false]);
  });

  it("ends accounts that have only each other's invites left", async () => {
    await newChannel();
    const mallory = await granted("mallory");
    const first = await admitted(await signUp("sybil"), await inviteBy(mallory), mallory);
    const second = await admitted(await signUp("sybil"), await inviteBy(first), first);
    await admitted(first, await inviteBy(second), second);
    await withdraw(mallory);
    expect(await Promise.all([first, second].map(mayUse))).toEqual([false, false]);
  });

  it("reports the author of a grant to the owner", async () => {
    await newChannel();
    const bob = await granted("bob");
    const carol = await admitted(await signUp("carol"), await inviteBy(bob), owner);
    const { body } = await owner.get(`/v1/channels/grants?channel=${channel}`);
    const makers = new Map(
      (body["grants"] as { account_id: string; made_by: string[] }[]).map((grant) => [grant.account_id, grant.made_by]),
    );
    expect(makers).toEqual(
      new Map([
        [bob.accountId, [owner.accountId]],
        [carol.accountId, [bob.accountId]],
      ]),
    );
  });
});

describe("rejecting a welcome", () => {
  it("accepts a response from another member, not from the same account again, and withdraws the grant until then", async () => {
    await newChannel();
    const mallory = await granted("mallory");
    const joiner = await signUp("joiner");
    const invite = await inviteBy(owner, 1);
    const request = await ask(joiner, invite);
    expect((await answerAs(mallory, request)).status).toBe(204);
    expect(await mayUse(joiner)).toBe(true);
    const waiting = owner.get(`/v1/channels/pending?channel=${channel}&wait=30`);
    const rejection = await joiner.post(`/v1/channels/joins/${request.request_id}/rejection`);
    expect(rejection).toMatchObject({ status: 200, body: { status: "pending" } });
    expect(rejection.body).not.toHaveProperty("welcome");
    expect(await mayUse(joiner)).toBe(false);
    const { pending } = (await waiting).body as { pending: { request_id: string; rejected_answers_of: string[] }[] };
    expect(pending).toMatchObject([{ request_id: request.request_id, rejected_answers_of: [mallory.accountId] }]);
    expectRefusal(await answerAs(mallory, request), 409, "already_answered");
    expect((await answerAs(owner, request, "BBBB")).status).toBe(204);
    expect((await joiner.get(`/v1/channels/joins/${request.request_id}`)).body).toMatchObject({ status: "admitted", welcome: "BBBB" });
    expect(await mayUse(joiner)).toBe(true);
    expect((await owner.get(`/v1/channels/invites?channel=${channel}`)).body["invites"]).toMatchObject([{ uses: 1 }]);
  });

  it("is accepted from the joiner only, and changes nothing without a Welcome", async () => {
    await newChannel();
    const joiner = await signUp("joiner");
    const { request_id: id } = await ask(joiner, await inviteBy(owner));
    expect((await joiner.post(`/v1/channels/joins/${id}/rejection`)).body).toMatchObject({ status: "pending" });
    expectRefusal(await owner.post(`/v1/channels/joins/${id}/rejection`), 404, "join_unknown");
  });
});

describe("what others made", () => {
  it("can be revoked only by its author and the owner", async () => {
    await newChannel();
    const [mallory, bob] = [await granted("mallory"), await granted("bob")];
    const revoke = (who: ApiClient, { id }: Invite) => who.delete(`/v1/channels/invites/${id.toString("base64url")}?channel=${channel}`);
    const ofOwner = await inviteBy(owner);
    const ofBob = [await inviteBy(bob), await inviteBy(bob)] as const;
    expectRefusal(await revoke(mallory, ofOwner), 403, "not_permitted");
    expectRefusal(await revoke(mallory, ofBob[0]), 403, "not_permitted");
    expect((await revoke(bob, ofBob[0])).status).toBe(204);
    expect((await revoke(owner, ofBob[1])).status).toBe(204);
  });
});

describe("shares of a channel", () => {
  it("leave the owner invites, however many accounts make as many as they may", async () => {
    await newChannel();
    for (let number = 0; number < 6; number++) {
      const sybil = await granted("sybil");
      let answer: Answer;
      let made = -1;
      do {
        answer = await sybil.post("/v1/channels/invites", registration(makeInvite(), channel));
        made++;
      } while (answer.status === 201);
      expectRefusal(answer, 429, "limit_reached");
      expect(made).toBeLessThanOrEqual(3);
    }
    await inviteBy(owner);
    await inviteBy(owner);
  });

  it("are counted for requests by one account's invites, and free again once they are answered", async () => {
    await newChannel();
    const mallory = await granted("mallory");
    const invite = await inviteBy(mallory);
    const sybils = await Promise.all(Array.from({ length: 4 }, () => signUp("sybil")));
    const requests: JoinRequest[] = [];
    for (const sybil of sybils.slice(0, 3)) requests.push(await ask(sybil, invite));
    const fourth = prove(invite, channel, Buffer.from("key package"));
    expectRefusal(await sybils[3]!.post("/v1/channels/joins", fourth), 429, "limit_reached");
    const [honest, byOwner] = [await signUp("honest"), await inviteBy(owner)];
    await ask(honest, byOwner);
    for (const request of requests) expect((await answerAs(mallory, request)).status).toBe(204);
    expect((await sybils[3]!.post("/v1/channels/joins", fourth)).status).toBe(202);
    // Three grants are all that one account's invites may make.
    expectRefusal(await answerAs(mallory, fourth), 429, "limit_reached");
  });
});
