import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { readApiLimits } from "../../src/api/limits.ts";
import { Services } from "../../src/api/services.ts";
import { MemoryEnvironment } from "@parley/storage";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";
import { composeToken, makeInvite, parseToken, prove, type Invite, registration } from "./reference-invite.ts";

const CHANNEL = "acme/team/general";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let time: number;
let registry: StoredRegistry;
let services: Services;
let alice: string;
let bob: string;

async function invite(options: { maxUses?: number; ttlMs?: number } = {}): Promise<Invite> {
  const made = makeInvite();
  await services.invites.create(alice, {
    channel: CHANNEL,
    inviteKey: made.key.toString("base64url"),
    attestation: String(registration(made, CHANNEL, options.maxUses)["attestation"]),
    maxUses: 1,
    ttlMs: HOUR,
    ...options,
  });
  return made;
}

async function join(by: Invite, account = bob): Promise<string> {
  const request = prove(parseToken(composeToken(by)), CHANNEL, randomBytes(10));
  await services.joins.submit(account, {
    channel: CHANNEL,
    inviteId: request.invite_id,
    requestId: request.request_id,
    keyPackage: request.key_package,
    proof: request.proof,
  });
  return request.request_id;
}

async function pass(ms: number): Promise<void> {
  time += ms;
  await services.maintain();
}

beforeEach(async () => {
  time = 1_750_000_000_000;
  registry = new StoredRegistry(new MemoryEnvironment());
  services = await Services.open({ registry, limits: readApiLimits(), now: () => time });
  alice = (await services.accounts.create({ email: "alice@example.org", name: "alice" })).id;
  bob = (await services.accounts.create({ email: "bob@example.org", name: "bob" })).id;
  await services.channels.create(alice, CHANNEL);
});

describe("an invite", () => {
  it("expires, is reported as expired for a week, and is then removed", async () => {
    const made = await invite();
    await pass(HOUR);
    await expect(join(made)).rejects.toMatchObject({ code: "invite_expired" });
    expect((await services.invites.list(alice, CHANNEL, { limit: 10 })).items).toMatchObject([{ status: "expired" }]);
    await pass(7 * DAY - 1);
    await expect(join(made)).rejects.toMatchObject({ code: "invite_expired" });
    await pass(1);
    await expect(join(made)).rejects.toMatchObject({ code: "invite_unknown" });
    expect((await services.invites.list(alice, CHANNEL, { limit: 10 })).items).toEqual([]);
  });
});

describe("a request to join", () => {
  it("without a response expires after a day and releases its use of the invite", async () => {
    const made = await invite({ ttlMs: 10 * DAY });
    const first = await join(made);
    await expect(join(made)).rejects.toMatchObject({ code: "invite_exhausted" });
    // Even before anybody has looked after it.
    time += DAY;
    expect(await services.joins.get(bob, first)).toMatchObject({ status: "expired" });
    expect((await services.joins.pending(alice, CHANNEL, { limit: 10 })).items).toEqual([]);
    const welcome = { status: "admitted", welcome: "AAAA" } as const;
    await expect(services.joins.respond(alice, CHANNEL, first, welcome)).rejects.toMatchObject({ code: "join_expired" });
    const second = await join(made);
    await services.maintain();
    expect(await services.joins.get(bob, first)).toMatchObject({ status: "expired" });
    await services.joins.respond(alice, CHANNEL, second, welcome);
    await expect(services.joins.respond(alice, CHANNEL, first, welcome)).rejects.toMatchObject({ code: "already_answered" });
    await expect(join(made)).rejects.toMatchObject({ code: "invite_exhausted" });
  });

  it("that came in time may be answered after its invite has expired", async () => {
    const request = await join(await invite());
    await pass(2 * HOUR);
    await services.joins.respond(alice, CHANNEL, request, { status: "admitted", welcome: "AAAA" });
    expect(await services.channels.mayUse(bob, CHANNEL)).toBe(true);
  });

  it("is removed a week after its answer; the grant remains", async () => {
    const request = await join(await invite());
    await services.joins.respond(alice, CHANNEL, request, { status: "admitted", welcome: "AAAA" });
    await pass(7 * DAY - 1);
    expect(await services.joins.get(bob, request)).toMatchObject({ status: "admitted", welcome: "AAAA" });
    await pass(1);
    await expect(services.joins.get(bob, request)).rejects.toMatchObject({ code: "join_unknown" });
    expect(await services.channels.mayUse(bob, CHANNEL)).toBe(true);
  });
});

it("nothing is left of what has ended, and its room is free", async () => {
  const before = (await registry.list("", { limit: 1000 })).map(({ key }) => key);
  for (let round = 0; round < 5; round++) {
    const made = await invite({ maxUses: 3 });
    const refused = await join(made);
    await join(made);
    await services.joins.remove(bob, await join(made));
    await services.joins.respond(alice, CHANNEL, refused, { status: "refused" });
    if (round % 2 === 0) await services.invites.revoke(alice, CHANNEL, made.id.toString("base64url"));
  }
  await pass(60 * DAY);
  await pass(60 * DAY);
  const after = await registry.list("", { limit: 1000 });
  expect(after.map(({ key }) => key).filter((key) => !key.startsWith("signing-key/"))).toEqual(
    before.filter((key) => !key.startsWith("signing-key/")),
  );
  const channel = after.find(({ key }) => key.startsWith("channel/"));
  expect(channel?.record).toMatchObject({ invites: 0, pending: 0, grants: 0 });
});
