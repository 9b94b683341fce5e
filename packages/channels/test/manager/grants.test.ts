import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GrantDifference, SkytaleChannelManager } from "../../src/index.ts";
import { NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

let managers: Managers;
let alice: SkytaleChannelManager;
let differences: GrantDifference[];

beforeEach(async () => {
  differences = [];
  managers = await Managers.start();
  alice = managers.of("alice", { events: { onGrantsDiffer: (_channel, difference) => differences.push(difference) } });
  await alice.create(NAME);
});

afterEach(() => managers[Symbol.asyncDispose]());

async function call(
  apiKey: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(managers.harness.server.apiUrl + path, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

async function mayUse(apiKey: string): Promise<boolean> {
  return (await call(apiKey, "GET", `/v1/channels/pending?channel=${NAME}`)).status === 200;
}

describe("removing a member", () => {
  it("withdraws its account's grant in the same call, with those of the accounts that it invited", async () => {
    const [bobsKey, carolsKey] = [await managers.account("bob"), await managers.account("carol")];
    const bob = managers.of("bob", { apiKey: bobsKey });
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    const carol = managers.of("carol", { apiKey: carolsKey });
    await carol.joinWithToken(NAME, await bob.invite(NAME));
    await alice.removeMember(NAME, "bob", { withdraw: true });
    expect(await mayUse(bobsKey)).toBe(false);
    expect(await mayUse(carolsKey)).toBe(false);
    expect(alice.members(NAME).map(({ identity }) => Buffer.from(identity).toString())).toEqual(["alice", "carol"]);
  });

  it("withdraws the grant of a member's account through `SkytaleClient` too, in the same call", async () => {
    const bobsKey = await managers.account("bob");
    await managers.of("bob", { apiKey: bobsKey }).joinWithToken(NAME, await alice.invite(NAME));
    await managers.close("alice");
    const channel = await managers.harness.client("alice").openChannel(NAME);
    expect(await mayUse(bobsKey)).toBe(true);
    await channel.removeMember("bob", { withdraw: true });
    expect(await mayUse(bobsKey)).toBe(false);
    expect(channel.members).toHaveLength(1);
    await expect(channel.removeMember("bob", { withdrawn: true } as object)).rejects.toThrow(/Did you mean "withdraw"/);
  });

  it("reports an account that still has access to the channel", async () => {
    const bobsKey = await managers.account("bob");
    const bob = managers.of("bob", { apiKey: bobsKey });
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    const { body } = await call(bobsKey, "GET", "/v1/accounts/me");
    await alice.removeMember(NAME, "bob");
    await expect.poll(() => differences).toEqual([{ accountsWithoutMember: [body["id"]] }]);
  });

  it("reports accounts without a member when the channel is opened, with a warning", async () => {
    const bobsKey = await managers.account("bob");
    const bob = managers.of("bob", { apiKey: bobsKey });
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    const { body } = await call(bobsKey, "GET", "/v1/accounts/me");
    await alice.removeMember(NAME, "bob");
    await alice.close();
    const warnings: string[] = [];
    differences = [];
    alice = managers.of("alice", {
      onWarning: (warning) => warnings.push(warning),
      events: { onGrantsDiffer: (_channel, difference) => differences.push(difference) },
    });
    await alice.open(NAME);
    await expect.poll(() => differences).toEqual([{ accountsWithoutMember: [body["id"]] }]);
    expect(warnings).toContain(`accounts without a member have access to ${NAME} until their grants are withdrawn: ${String(body["id"])}`);
  });

  it("changes nothing if the caller does not own the channel", async () => {
    const bob = managers.of("bob", { apiKey: await managers.account("bob") });
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    await expect(bob.removeMember(NAME, "alice", { withdraw: true })).rejects.toMatchObject({ code: "not_found" });
    expect(bob.members(NAME)).toHaveLength(2);
  });
});

it("a joiner whose request is answered with garbage is admitted by an honest member", async () => {
  const [mallorysKey, bobsKey] = [await managers.account("mallory"), await managers.account("bob")];
  const { body: mallory } = await call(mallorysKey, "GET", "/v1/accounts/me");
  const token = await alice.invite(NAME);
  await call(managers.harness.apiKey, "POST", "/v1/channels/grants", { channel: NAME, account_id: mallory["id"] });
  await alice.close();
  const bob = managers.of("bob", { apiKey: bobsKey });
  const joining = bob.joinWithToken(NAME, token, { timeout: 50 });
  const { body } = await call(mallorysKey, "GET", `/v1/channels/pending?channel=${NAME}&wait=30`);
  const [{ request_id: id } = { request_id: "" }] = body["pending"] as { request_id: string }[];
  const garbage = await call(mallorysKey, "POST", `/v1/channels/pending/${id}/welcome`, { channel: NAME, welcome: "AAAA" });
  expect(garbage.status).toBe(204);
  alice = managers.of("alice");
  await alice.open(NAME);
  await joining;
  await alice.send(NAME, "hello");
  expect(await bob.receive(NAME, { timeout: 20 })).toEqual(["hello"]);
});
