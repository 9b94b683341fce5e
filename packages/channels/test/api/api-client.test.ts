import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiClient } from "../../src/api/api-client.ts";
import { signInviteTerms } from "../../src/invites/invite-terms.ts";
import { createInvite } from "../../src/invites/invite.ts";
import { createJoinRequest } from "../../src/invites/join-request.ts";
import { answering, json } from "./answering-server.ts";

const CHANNEL = "acme/team/general";
const KEY = "sk_live_abcdefghijklmnop_not-a-real-key";

describe("the client of the API server", () => {
  let server: SkytaleServer;
  let alice: ApiClient;
  let bob: ApiClient;

  const account = async (name: string): Promise<ApiClient> => {
    const { apiKey } = await server.createAccount({ email: `${name}@example.org`, name });
    return new ApiClient({ apiUrl: server.apiUrl, apiKey: apiKey.key });
  };
  const attestationOf = (inviteKey: Uint8Array, maxUses = 1): Uint8Array =>
    signInviteTerms({ channel: CHANNEL, inviteKey, maxUses, expiresAt: 4_000_000_000 }, () => new Uint8Array(64));
  const invite = async (maxUses = 1): Promise<ReturnType<typeof createInvite>> => {
    const made = createInvite();
    const { publicKey } = made;
    await alice.createInvite({ channel: CHANNEL, publicKey, attestation: attestationOf(publicKey, maxUses), maxUses, ttlSeconds: 60 });
    return made;
  };

  beforeEach(async () => {
    server = await startSkytale({ port: 0, relayPort: 0, logger: false });
    alice = await account("alice");
    bob = await account("bob");
    await alice.createChannel(CHANNEL, "first");
  });

  afterEach(async () => {
    await Promise.all([alice.close(), bob.close()]);
    await server.close();
  });

  it("gets tokens for the relay, a fresh one each time", async () => {
    const [one, two] = [await alice.relayToken(), await alice.relayToken()];
    expect(one).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(two).not.toBe(one);
  });

  it("creates a channel once when the call is repeated", async () => {
    await alice.createChannel(CHANNEL, "first");
    await expect(alice.createChannel(CHANNEL, "second")).rejects.toMatchObject({ name: "ChannelError", code: "channel_exists" });
    await expect(bob.createChannel("acme/team/other", "first")).rejects.toMatchObject({ code: "org_taken" });
    await expect(bob.createChannel("bad-name", "first")).rejects.toMatchObject({
      code: "bad_request",
      message: "invalid channel name: bad-name (expected org/namespace/service)",
    });
  });

  it("submits a join request, and returns its welcome", async () => {
    const made = await invite();
    const request = createJoinRequest(made, CHANNEL, new TextEncoder().encode("key package"));
    expect(await bob.requestJoin(request)).toEqual({ status: "pending" });
    const { joins, next } = await alice.pending(CHANNEL);
    expect(joins).toEqual([{ ...request, inviteKey: made.publicKey, attestation: Uint8Array.from(attestationOf(made.publicKey)) }]);
    expect((await alice.pending(CHANNEL, { after: next })).joins).toEqual([]);

    const waiting = bob.join(request.requestId, { waitSeconds: 20 });
    await alice.approveJoin(request, new Uint8Array([9, 9]));
    expect(await waiting).toEqual({ status: "admitted", welcome: new Uint8Array([9, 9]) });
    expect(await bob.requestJoin(request)).toMatchObject({ status: "admitted" });
    await expect(alice.rejectJoin(request, "too late")).rejects.toMatchObject({ code: "already_answered" });
    await bob.removeJoin(request.requestId);
    await expect(bob.join(request.requestId)).rejects.toMatchObject({ code: "not_found" });
  });

  it("receives the next request as soon as it is submitted", async () => {
    const made = await invite();
    const waiting = alice.pending(CHANNEL, { waitSeconds: 20 });
    await bob.requestJoin(createJoinRequest(made, CHANNEL, new Uint8Array([1])));
    expect((await waiting).joins).toHaveLength(1);
  });

  it("returns the reason of a rejection", async () => {
    const request = createJoinRequest(await invite(), CHANNEL, new Uint8Array([1]));
    await bob.requestJoin(request);
    await alice.rejectJoin(request, "not today");
    expect(await bob.join(request.requestId)).toEqual({ status: "refused", reason: "not today" });
  });

  it("maps each invite problem to its own code", async () => {
    const ask = async (made: Parameters<typeof createJoinRequest>[0], channel = CHANNEL): Promise<unknown> =>
      bob.requestJoin(createJoinRequest(made, channel, new Uint8Array([1])));
    await expect(ask(createInvite())).rejects.toMatchObject({ name: "InviteError", code: "invite_unknown" });
    const once = await invite();
    await ask(once);
    await expect(ask(once)).rejects.toMatchObject({ code: "invite_exhausted" });
    const revoked = await invite();
    await alice.revokeInvite(CHANNEL, revoked.id);
    await expect(ask(revoked)).rejects.toMatchObject({ code: "invite_revoked", retryable: false });
    await expect(ask(await invite(), "acme/team/other")).rejects.toMatchObject({ code: "invite_unknown" });
  });

  it("rejects an invalid API key", async () => {
    const nobody = new ApiClient({ apiUrl: server.apiUrl, apiKey: KEY });
    await expect(nobody.relayToken()).rejects.toMatchObject({ name: "AuthError", code: "auth_key_invalid" });
    await expect(nobody.relayToken()).rejects.toThrow(/^auth error: /);
    await nobody.close();
  });

  it("stops waiting on abort", async () => {
    const controller = new AbortController();
    const waiting = alice.pending(CHANNEL, { waitSeconds: 20, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    const closing = expect(alice.pending(CHANNEL, { waitSeconds: 20 })).rejects.toMatchObject({ code: "closed" });
    await alice.close();
    await closing;
    await expect(alice.relayToken()).rejects.toMatchObject({ code: "closed" });
  });
});

describe("a faulty server", () => {
  const client = (apiUrl: string, options: { timeoutMs?: number; maxRetries?: number } = {}): ApiClient =>
    new ApiClient({ apiUrl, apiKey: KEY, maxRetries: 0, ...options });

  it.each<[string, number, unknown, string]>([
    ["JSON that is not an object", 200, [], "transport_error"],
    ["no token", 200, { token: 5 }, "transport_error"],
    ["an error without a code", 400, { error: "no" }, "bad_request"],
    ["an error that is not a string", 500, { error: { deep: true } }, "connection_error"],
    ["too many calls", 429, { error: "slow down", code: "rate_limited" }, "connection_error"],
    ["an unknown code", 409, { error: "what", code: "__proto__" }, "bad_request"],
    ["a redirect", 302, {}, "transport_error"],
    ["an invite that has ended", 410, { error: "the invite has expired", code: "invite_expired" }, "invite_expired"],
    ["nothing where it should be", 404, { error: "not found", code: "not_found" }, "not_found"],
    ["401 of a proxy", 401, "who are you", "auth_key_invalid"],
    ["403 of a proxy", 403, "no", "unauthorized"],
  ])("answers with %s, and every error names its URL with the path", async (_, status, body, code) => {
    await using server = await answering((response) => {
      response.setHeader("location", "http://127.0.0.1:1/");
      json(response, status, body);
    });
    await using api = disposable(client(`${server.url}/skytale/`));
    const message = expect.stringContaining(`the API server at ${server.url}/skytale`) as string;
    await expect(api.client.relayToken()).rejects.toMatchObject({ code, message });
    expect(server.asked).toEqual(["POST /skytale/v1/tokens"]);
  });

  it.each([
    ["invite_unknown", /check the name of the channel, and copy the whole token$/],
    ["invite_expired", /ask a member for another invite$/],
    ["invite_exhausted", /with more uses \(maxUses\)$/],
    ["invite_revoked", /ask a member for another invite$/],
    ["key_invalid", /\(the API server at \S+\): use an API key of this server \(skytale-server keys create makes one\)$/],
    ["token_invalid", /: API keys begin with sk_live_ or sk_test_$/],
  ])("rejects with %s, and the error contains advice", async (code, message) => {
    await using server = await answering((response) => json(response, 400, { error: "no", code }));
    await using api = disposable(client(server.url));
    await expect(api.client.relayToken()).rejects.toThrow(message);
  });

  it("answers with something other than JSON, or endlessly", async () => {
    await using garbage = await answering((response) => response.end("<html>"));
    await using endless = await answering((response) => {
      const chunk = Buffer.alloc(1 << 20, 32);
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once("drain", write);
      };
      write();
    });
    for (const { url } of [garbage, endless]) {
      await using api = disposable(client(url));
      await expect(api.client.relayToken()).rejects.toMatchObject({ code: "transport_error" });
    }
  });

  it("echoes the API key, which errors do not contain", async () => {
    await using server = await answering((response) => json(response, 400, { error: `your key ${KEY} is invalid\n\u0007`, code: "x" }));
    await using api = disposable(client(server.url));
    const error: unknown = await api.client.relayToken().catch((thrown: unknown) => thrown);
    expect(String(error)).toBe(`ChannelError: runtime error: your key … is invalid  (the API server at ${server.url})`);
  });

  it("is silent", async () => {
    await using server = await answering(() => undefined);
    await using api = disposable(client(server.url, { timeoutMs: 50 }));
    await expect(api.client.relayToken()).rejects.toMatchObject({ code: "timeout", retryable: true });
  });

  it("is unreachable", async () => {
    const { url } = await (async () => {
      await using server = await answering(() => undefined);
      return { url: server.url };
    })();
    await using api = disposable(client(url));
    await expect(api.client.relayToken()).rejects.toMatchObject({ code: "connection_error", retryable: true });
  });

  it("is overloaded: the call is retried", async () => {
    await using server = await answering((response, asked) =>
      asked < 2 ? json(response, 503, { error: "busy", code: "busy" }) : json(response, 200, { token: "a.b.c" }),
    );
    await using api = disposable(client(server.url, { maxRetries: 2 }));
    expect(await api.client.relayToken()).toBe("a.b.c");
    expect(server.asked).toHaveLength(3);
  });
});

describe("the URL of an API server", () => {
  const KEYED = { apiKey: KEY };

  it.each(["", "api.skytale.sh", "ftp://api.skytale.sh", "https://me:secret@api.skytale.sh", "https://api.skytale.sh/?key=secret", 5])(
    "is rejected without being repeated: %j",
    (apiUrl) => {
      const make = (): ApiClient => new ApiClient({ ...KEYED, apiUrl: apiUrl as string });
      expect(make).toThrow(TypeError);
      expect(make).not.toThrow(/secret/);
    },
  );

  it("can have a path; subdomains of localhost resolve to the loopback address", async () => {
    await using server = await answering((response) => json(response, 200, { token: "a.b.c" }));
    const { port } = new URL(server.url);
    await using api = disposable(new ApiClient({ ...KEYED, apiUrl: `http://api.localhost:${port}/skytale/` }));
    expect(await api.client.relayToken()).toBe("a.b.c");
    expect(server.asked).toEqual(["POST /skytale/v1/tokens"]);
  });

  it.each(["", "sk_\nlive", "sk_live_ü€", 5])("rejects a key that an HTTP header cannot contain: %j", (apiKey) => {
    expect(() => new ApiClient({ apiUrl: "https://api.skytale.sh", apiKey: apiKey as string })).toThrow(/^apiKey/);
  });
});

function disposable(client: ApiClient): { readonly client: ApiClient } & AsyncDisposable {
  return { client, [Symbol.asyncDispose]: () => client.close() };
}
