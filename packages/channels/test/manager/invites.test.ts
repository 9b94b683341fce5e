import { memoryStore } from "@parley/mls-engine";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encodeToken, createInvite } from "../../src/invites/invite.ts";
import { SkytaleChannelManager } from "../../src/index.ts";
import { tampering } from "../invites/world.ts";
import { NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

let managers: Managers;
let alice: SkytaleChannelManager;

beforeEach(async () => {
  managers = await Managers.start();
  alice = managers.of("alice");
  await alice.create(NAME);
});

afterEach(() => managers[Symbol.asyncDispose]());

const names = (manager: SkytaleChannelManager): string[] =>
  manager
    .members(NAME)
    .map(({ identity }) => Buffer.from(identity).toString())
    .toSorted();

describe("an invite", () => {
  it("admits an agent of another account, which can then send and receive", async () => {
    const bob = managers.of("bob", { apiKey: await managers.account("bob") });
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    await alice.send(NAME, "Hello from Alice!");
    expect(await bob.receive(NAME)).toEqual(["Hello from Alice!"]);
    await bob.send(NAME, "Hello from Bob!");
    expect(await alice.receive(NAME)).toEqual(["Hello from Bob!"]);
  });

  it("admits twenty concurrent joiners with few commits", async () => {
    const token = await alice.invite(NAME, { maxUses: 20 });
    const joiners = Array.from({ length: 20 }, (_, n) => managers.of(`agent-${n}`));
    const epochs: bigint[] = [];
    await alice.close();
    const joining = joiners.map((joiner) => joiner.joinWithToken(NAME, token));
    alice = managers.of("alice", { events: { onMembersChanged: (_, { epoch, added }) => added.length > 0 && epochs.push(epoch) } });
    await alice.open(NAME);
    await Promise.all(joining);
    // Others may have added some of them, which alice reads of later.
    await expect.poll(() => names(alice)).toHaveLength(21);
    expect(epochs.length).toBeLessThanOrEqual(10);
    await alice.send(NAME, "welcome, all of you");
    for (const joiner of joiners) expect(await joiner.receive(NAME, { timeout: 20 })).toEqual(["welcome, all of you"]);
  });

  it("works through another member while the inviter is offline", async () => {
    const bob = managers.of("bob");
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    const token = await alice.invite(NAME);
    await alice.close();
    const carol = managers.of("carol");
    await carol.joinWithToken(NAME, token);
    expect(names(bob)).toEqual(["alice", "bob", "carol"]);
    alice = managers.of("alice");
    await alice.open(NAME);
    await expect.poll(() => names(alice)).toEqual(["alice", "bob", "carol"]);
  });

  it("survives restarts of inviter, joiner and server", async () => {
    const token = await alice.invite(NAME);
    await alice.close();
    let bob = managers.of("bob");
    // The time to connect does not count.
    await bob.connect();
    await expect(bob.joinWithToken(NAME, token, { timeout: 1 })).rejects.toMatchObject({
      name: "TransportError",
      code: "join_timeout",
      retryable: true,
    });
    await bob.close();
    await managers.harness.restart();
    alice = managers.of("alice");
    await alice.open(NAME);
    bob = managers.of("bob");
    await bob.joinWithToken(NAME, token);
    await alice.send(NAME, "made it");
    expect(await bob.receive(NAME)).toEqual(["made it"]);
    // Joining again is opening: the invite has no use left, and none is needed.
    await bob.joinWithToken(NAME, token);
  });

  it("stops waiting on abort and on close, also while the server is unreachable", async () => {
    const token = await alice.invite(NAME);
    await alice.close();
    const bob = managers.of("bob");
    const controller = new AbortController();
    const joining = bob.joinWithToken(NAME, token, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(joining).rejects.toThrow("enough");
    const carol = managers.of("carol");
    await carol.connect();
    await expect(carol.joinWithToken(NAME, token, { timeout: 1 })).rejects.toMatchObject({ code: "join_timeout" });
    const dave = managers.of("dave");
    await dave.create("acme/team/daves");
    await managers.harness.restart(async () => {
      await expect(bob.joinWithToken(NAME, token, { timeout: 0.3 })).rejects.toMatchObject({
        code: "connection_error",
        message: expect.stringMatching(/^transport error: no connection to the relay at http/) as string,
      });
      const closing = expect(carol.joinWithToken(NAME, token)).rejects.toMatchObject({ code: "closed" });
      const adding = expect(dave.addMember("acme/team/daves", await carol.keyPackage())).rejects.toMatchObject({ code: "closed" });
      await Promise.all([bob.close(), carol.close(), dave.close()]);
      await Promise.all([closing, adding]);
    });
  });

  it("rejects an agent with a member's identity, unless that is allowed", async () => {
    await managers.of("lead").joinWithToken(NAME, await alice.invite(NAME));
    const impostor = managers.of("impostor", { identity: "lead" });
    await expect(impostor.joinWithToken(NAME, await alice.invite(NAME))).rejects.toMatchObject({
      name: "InviteError",
      code: "identity_taken",
      message: expect.stringContaining("another member of acme/team/general has the identity of this agent") as string,
    });
    expect(names(alice)).toEqual(["alice", "lead"]);
    await alice.removeMember(NAME, "lead");
    await impostor.joinWithToken(NAME, await alice.invite(NAME));
    await Promise.all([alice.close(), impostor.close()]);
    const allow = { allowSameIdentity: true };
    alice = managers.of("alice", allow);
    await alice.open(NAME);
    await managers.of("impostor", { identity: "lead", ...allow }).open(NAME);
    await managers.of("third", { identity: "lead", ...allow }).joinWithToken(NAME, await alice.invite(NAME));
    expect(names(alice)).toEqual(["alice", "lead", "lead"]);
  });

  it("for one identity admits only that identity", async () => {
    const token = await alice.invite(NAME, { identity: "bob", maxUses: 5 });
    await expect(managers.of("mallory").joinWithToken(NAME, token)).rejects.toMatchObject({
      name: "InviteError",
      code: "identity_mismatch",
      message: expect.stringContaining("the invite to acme/team/general is for another identity") as string,
    });
    await managers.of("bob").joinWithToken(NAME, token);
    await expect(managers.of("bobby", { identity: "bob " }).joinWithToken(NAME, token)).rejects.toMatchObject({
      code: "identity_mismatch",
    });
    expect(names(alice)).toEqual(["alice", "bob"]);
    await expect(alice.invite(NAME, { identity: "" })).rejects.toThrow("identity must be a string or a Uint8Array that is not empty");
  });

  it("admits a removed agent again", async () => {
    const bob = managers.of("bob");
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    await alice.removeMember(NAME, "bob");
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    await alice.send(NAME, "again");
    expect(await bob.receive(NAME)).toEqual(["again"]);
  });

  it("is used once by concurrent calls of one agent", async () => {
    const bob = managers.of("bob");
    const token = await alice.invite(NAME);
    await Promise.all([bob.joinWithToken(NAME, token), bob.joinWithToken(NAME, token)]);
    expect(names(alice)).toEqual(["alice", "bob"]);
  });

  it("of a removed member admits no agent", async () => {
    const bob = managers.of("bob");
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    const token = await bob.invite(NAME);
    await alice.removeMember(NAME, "bob");
    await expect(managers.of("carol").joinWithToken(NAME, token)).rejects.toMatchObject({ code: "join_refused" });
    expect(names(alice)).toEqual(["alice"]);
  });
});

describe("a restart of the server", () => {
  it("while an invite is open is not reported as an error", async () => {
    await alice.close();
    const errors: unknown[] = [];
    const lost = vi.fn<() => void>();
    alice = managers.of("alice", { events: { onError: (_, error) => errors.push(error), onDisconnected: lost } });
    await alice.open(NAME);
    const token = await alice.invite(NAME);
    await managers.harness.restart(async () => {
      await expect.poll(() => lost.mock.calls.length).toBeGreaterThan(0);
      // Each makes all its attempts. The call that waits for requests has used its attempts by then, too.
      for (let n = 0; n < 4; n += 1) await expect(alice.invite(NAME)).rejects.toMatchObject({ code: "connection_error" });
    });
    await managers.of("bob").joinWithToken(NAME, token, { timeout: 20 });
    expect(names(alice).toSorted()).toEqual(["alice", "bob"]);
    expect(errors).toEqual([]);
  });
});

describe("a swapped key package", () => {
  it("is detected by the member, who adds no agent", async () => {
    const mallory = managers.of("mallory");
    const theirs = Buffer.from(await mallory.keyPackage()).toString("base64url");
    await using proxy = await tampering(managers.harness.server.apiUrl, (path, body) =>
      path.startsWith("/v1/channels/pending?") ? body.replaceAll(/"key_package":"[^"]*"/g, `"key_package":"${theirs}"`) : body,
    );
    await alice.close();
    const errors: unknown[] = [];
    alice = managers.of("alice", { apiUrl: proxy.url, events: { onError: (_, error) => errors.push(error) } });
    await alice.open(NAME);
    const token = await alice.invite(NAME);
    const joining = expect(managers.of("bob").joinWithToken(NAME, token, { timeout: 3 })).rejects.toMatchObject({ code: "join_timeout" });
    await expect.poll(() => errors).toMatchObject([{ name: "InviteError", code: "key_package_swapped" }]);
    await joining;
    expect(names(alice)).toEqual(["alice"]);
  });

  it("in a welcome is detected by the joiner", async () => {
    const welcome = Buffer.from("not a welcome").toString("base64url");
    await using proxy = await tampering(managers.harness.server.apiUrl, (path, body) =>
      path.startsWith("/v1/channels/joins") ? body.replaceAll(/"welcome":"[^"]*"/g, `"welcome":"${welcome}"`) : body,
    );
    const bob = managers.of("bob", { apiUrl: proxy.url });
    await expect(bob.joinWithToken(NAME, await alice.invite(NAME))).rejects.toMatchObject({ name: "MlsError" });
    expect(bob.listChannels()).toEqual([]);
  });
});

describe("a token", () => {
  let bob: SkytaleChannelManager;
  const join = (token: string, name = NAME): Promise<unknown> => bob.joinWithToken(name, token, { timeout: 10 });

  beforeEach(() => {
    bob = managers.of("bob");
  });

  it("is rejected with its own code: malformed", async () => {
    const token = await alice.invite(NAME);
    for (const wrong of ["", "skt_inv_", token.slice(0, -1), `${token.slice(0, -2)}AA`, "sk_live_key"]) {
      await expect(join(wrong)).rejects.toMatchObject({ name: "InviteError", code: "invite_malformed" });
    }
  });

  it("is rejected with its own code: unknown", async () => {
    await expect(join(encodeToken(createInvite()))).rejects.toMatchObject({ code: "invite_unknown" });
    await expect(join(await alice.invite(NAME), "acme/team/other")).rejects.toMatchObject({ code: "invite_unknown" });
    await expect(join(await alice.invite(NAME), "bad-name")).rejects.toThrow("invalid channel name: bad-name");
  });

  it("is rejected with its own code: exhausted", async () => {
    const token = await alice.invite(NAME);
    await managers.of("carol").joinWithToken(NAME, token);
    await expect(join(token)).rejects.toMatchObject({ code: "invite_exhausted", retryable: false });
  });

  it("is rejected with its own code: revoked", async () => {
    const token = await alice.invite(NAME);
    await alice.revokeInvite(NAME, token);
    await expect(join(token)).rejects.toMatchObject({ code: "invite_revoked" });
  });

  it("is rejected with its own code: expired", async () => {
    const token = await alice.invite(NAME, { ttl: 1, maxUses: 100 });
    await alice.close();
    await expect
      .poll(
        async () => {
          const joiner = managers.of(`late-${performance.now()}`);
          const code = await joiner.joinWithToken(NAME, token, { timeout: 0.1 }).then(String, (error: { code: string }) => error.code);
          await joiner.close();
          return code;
        },
        { interval: 200 },
      )
      .toBe("invite_expired");
  });

  it("needs an API server", async () => {
    const { relayUrl } = managers.harness.server;
    await using alone = new SkytaleChannelManager({
      endpoint: relayUrl,
      identity: "alone",
      store: memoryStore(),
      dataDir: "",
      token: () => "unused",
    });
    await expect(alone.joinWithToken(NAME, await alice.invite(NAME))).rejects.toMatchObject({
      name: "AuthError",
      code: "api_key_required",
    });
  });

  it.each([{ maxUses: 0 }, { maxUses: 1.5 }, { ttl: 0 }, { ttl: Number.NaN }, { maxUses: 2 ** 32 }])(
    "is not made with %j",
    async (options) => {
      await expect(alice.invite(NAME, options)).rejects.toThrow(TypeError);
    },
  );

  it("is limited to what the server allows", async () => {
    await expect(alice.invite(NAME, { ttl: 365 * 24 * 3600 })).rejects.toMatchObject({ code: "bad_request" });
  });
});
