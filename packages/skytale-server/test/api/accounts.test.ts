import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT, UnsecuredJWT, generateKeyPair } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stopClock } from "@parley/test-assertions";
import { TokenVerifier } from "../../src/api/tokens.ts";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import type { SkytaleOptions } from "../../src/options.ts";
import { ApiClient, expectRefusal } from "./api-client.ts";

let server: SkytaleServer;

async function start(options: SkytaleOptions = {}): Promise<void> {
  await server?.close();
  server = await startSkytale({ port: 0, relayPort: 0, logger: false, ...options });
}

function anonymous(): ApiClient {
  return new ApiClient(server.apiUrl);
}

beforeEach(() => start());
afterEach(() => server.close());

describe("accounts", () => {
  it("are created for any caller, with a first API key", async () => {
    const { status, body } = await anonymous().post("/v1/accounts", { email: "Alice@example.org", name: "Alice" });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      email: "Alice@example.org",
      name: "Alice",
      plan_tier: "free",
      api_key: expect.stringMatching(/^sk_live_[\w-]{59}$/),
    });
    const { api_key: key, ...account } = body;
    expect((await anonymous().as(String(key)).get("/v1/accounts/me")).body).toEqual(account);
  });

  it("have an email address of their own", async () => {
    await anonymous().post("/v1/accounts", { email: "alice@example.org", name: "Alice" });
    expectRefusal(await anonymous().post("/v1/accounts", { email: "ALICE@example.org", name: "Mallory" }), 409, "email_taken");
  });

  it.each([
    ["nothing", undefined],
    ["no email", { name: "x" }],
    ["no address", { email: "x", name: "x" }],
    ["two addresses", { email: "x@y@z", name: "x" }],
    ["a long address", { email: `${"x".repeat(100)}@example.org`, name: "x" }],
    ["no name", { email: "x@example.org" }],
    ["an empty name", { email: "x@example.org", name: "" }],
    ["a long name", { email: "x@example.org", name: "x".repeat(201) }],
    ["a list", []],
  ])("are not made from %s", async (_what, body) => {
    expectRefusal(await anonymous().post("/v1/accounts", body), 400, "malformed_request");
  });

  it("are made by the operator only where sign-up is closed", async () => {
    await start({ signup: "closed" });
    expectRefusal(await anonymous().post("/v1/accounts", { email: "x@example.org", name: "x" }), 403, "signup_closed");
    const { apiKey, id } = await server.createAccount({ email: "x@example.org", name: "x" });
    expect((await anonymous().as(apiKey.key).get("/v1/accounts/me")).body).toMatchObject({ id });
  });

  it("are few from one address, and limited in all", async () => {
    await start({ limits: { api: { signupsPerHour: 2, maxAccounts: 3 } } });
    await ApiClient.signUp(server.apiUrl, "one");
    await ApiClient.signUp(server.apiUrl, "two");
    const refused = await anonymous().post("/v1/accounts", { email: "three@example.org", name: "three" });
    expectRefusal(refused, 429, "rate_limited");
    expect(refused.headers.get("retry-after")).toBe("1");
    // The operator's own account counts too.
    await expect(server.createAccount({ email: "x@example.org", name: "x" })).rejects.toMatchObject({ code: "limit_reached" });
  });
});

describe("API keys", () => {
  it("are shown once, listed without their secret, and revoked permanently", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const { status, body } = await alice.post("/v1/keys", { name: "laptop", mode: "test" });
    expect(status).toBe(201);
    const key = String(body["key"]);
    expect(key).toMatch(/^sk_test_/);
    expect(body).toMatchObject({ name: "laptop", mode: "test", prefix: key.slice(0, 24), created_at: expect.any(String) });
    const list = await alice.get("/v1/keys");
    expect(list.body["keys"]).toHaveLength(2);
    expect(list.body["keys"]).toContainEqual({
      id: body["id"],
      name: "laptop",
      mode: "test",
      prefix: body["prefix"],
      created_at: body["created_at"],
    });
    expect(JSON.stringify(list.body)).not.toContain(key);

    const laptop = alice.as(key);
    expect((await laptop.get("/v1/accounts/me")).status).toBe(200);
    expect((await laptop.delete(`/v1/keys/${String(body["id"])}`)).status).toBe(204);
    expectRefusal(await laptop.get("/v1/accounts/me"), 401, "key_invalid");
    expectRefusal(await alice.delete(`/v1/keys/${String(body["id"])}`), 404, "not_found");
    expect((await alice.get("/v1/keys")).body["keys"]).toHaveLength(1);
  });

  it("of others can be neither seen nor revoked", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const bob = await ApiClient.signUp(server.apiUrl, "bob");
    const [key] = (await alice.get("/v1/keys")).body["keys"] as { id: string }[];
    expectRefusal(await bob.delete(`/v1/keys/${key?.id}`), 404, "not_found");
    expect((await alice.get("/v1/accounts/me")).status).toBe(200);
  });

  it("are limited in number, and a revoked one makes room", async () => {
    await start({ limits: { api: { maxKeysPerAccount: 2 } } });
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const { body } = await alice.post("/v1/keys", { name: "two" });
    expectRefusal(await alice.post("/v1/keys", { name: "three" }), 429, "limit_reached");
    await alice.delete(`/v1/keys/${String(body["id"])}`);
    expect((await alice.post("/v1/keys", { name: "three" })).status).toBe(201);
  });

  it.each([
    ["no header", undefined, "unauthorized", "the header authorization is missing: Bearer, with an API key or a token"],
    ["another scheme", "Basic YTpi", "unauthorized", undefined],
    ["nothing after the scheme", "Bearer", "unauthorized", undefined],
    ["an unknown key", `Bearer sk_live_${"x".repeat(59)}`, "key_invalid", "invalid or revoked api key"],
    ["a key of the wrong length", "Bearer sk_live_x", "key_invalid", "invalid or revoked api key"],
    ["a long key", `Bearer sk_live_${"x".repeat(10_000)}`, "key_invalid", "invalid or revoked api key"],
    ["no token at all", "Bearer x", "token_invalid", undefined],
    ["a long token", `Bearer ${"x".repeat(10_000)}`, "token_invalid", undefined],
  ])("are asked for: %s", async (_what, authorization, code, error) => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(`${server.apiUrl}/v1/tokens`, { method: "POST", headers });
    expect(response.status).toBe(401);
    const body = await response.json();
    expect(body).toEqual({ code, error: expect.any(String) });
    expect(body).toMatchObject(error === undefined ? {} : { error });
  });

  it("are found by each of their characters", async () => {
    const { bearer = "", url } = await ApiClient.signUp(server.apiUrl, "alice");
    for (let at = 0; at < bearer.length; at++) {
      const other = bearer.slice(0, at) + (bearer[at] === "A" ? "B" : "A") + bearer.slice(at + 1);
      expect((await new ApiClient(url, other).get("/v1/accounts/me")).status).toBe(401);
    }
  });

  it("have a rate", async () => {
    stopClock();
    await start({ limits: { api: { requestsPerSecond: 5 } } });
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const bob = await ApiClient.signUp(server.apiUrl, "bob");
    const answers = await Promise.all(Array.from({ length: 8 }, () => alice.get("/v1/accounts/me")));
    expect(answers.filter(({ status, body }) => status === 429 && body["code"] === "rate_limited")).toHaveLength(3);
    expect((await bob.get("/v1/accounts/me")).status).toBe(200);
  });
});

describe("tokens", () => {
  async function token(client: ApiClient, body?: object): Promise<string> {
    const answer = await client.post("/v1/tokens", body);
    expect(answer.status).toBe(200);
    return String(answer.body["token"]);
  }

  it("are signed with a key of the key set, and name their account", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const keys = createRemoteJWKSet(new URL(`${server.apiUrl}/.well-known/jwks.json`));
    const issued = await token(alice);
    const { payload, protectedHeader } = await jwtVerify(issued, keys, {
      issuer: "skytale-api",
      audience: "skytale-relay",
      algorithms: ["EdDSA"],
    });
    expect(protectedHeader).toMatchObject({ alg: "EdDSA", kid: expect.any(String) });
    expect(payload).toMatchObject({ sub: alice.accountId, plan: "free", mode: "live", key_id: alice.bearer?.slice(8, 24) });
    const { iat = 0, exp = 0 } = payload;
    expect(exp - iat).toBe(15 * 60);
    const verifier = new TokenVerifier(keys, { audience: "skytale-relay" });
    expect(await verifier.verify(issued)).toEqual({
      accountId: alice.accountId,
      keyId: payload["key_id"],
      lifetimeMs: expect.any(Number) as number,
    });
  });

  it("are taken instead of the key, but make nothing that lasts", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const holder = alice.as(await token(alice));
    expect((await holder.get("/v1/accounts/me")).body).toMatchObject({ id: alice.accountId });
    expectRefusal(await holder.post("/v1/tokens"), 401, "key_required");
    expectRefusal(await holder.post("/v1/keys", { name: "x" }), 401, "key_required");
    expectRefusal(await holder.get("/v1/keys"), 401, "key_required");
  });

  it("for the relay alone are rejected by the API", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const issued = await token(alice, { audience: ["skytale-relay"] });
    expect(decodeJwt(issued).aud).toEqual(["skytale-relay"]);
    expectRefusal(await alice.as(issued).get("/v1/accounts/me"), 401, "token_invalid");
    expectRefusal(await alice.post("/v1/tokens", { audience: ["somebody"] }), 400, "malformed_request");
    expectRefusal(await alice.post("/v1/tokens", { audience: [] }), 400, "malformed_request");
  });

  it("end with their API key", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const holder = alice.as(await token(alice));
    await server.revokeApiKey(String(alice.bearer?.slice(8, 24)));
    expectRefusal(await alice.post("/v1/tokens"), 401, "key_invalid");
    expectRefusal(await holder.get("/v1/accounts/me"), 401, "token_invalid");
  });

  it("can't be made by others", async () => {
    const alice = await ApiClient.signUp(server.apiUrl, "alice");
    const issued = await token(alice);
    const { kid = "" } = decodeProtectedHeader(issued);
    const claims = decodeJwt(issued);
    const other = await generateKeyPair("EdDSA", { crv: "Ed25519" });
    const [header = "", payload = "", signature = ""] = issued.split(".");
    const forged = [
      await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid }).sign(other.privateKey),
      await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid }).sign(Buffer.from(kid)),
      new UnsecuredJWT(claims).encode(),
      [header, Buffer.from(JSON.stringify({ ...claims, sub: "somebody" })).toString("base64url"), signature].join("."),
      [header, payload, ""].join("."),
    ];
    for (const attempt of forged) expectRefusal(await alice.as(attempt).get("/v1/accounts/me"), 401, "token_invalid");
  });
});
