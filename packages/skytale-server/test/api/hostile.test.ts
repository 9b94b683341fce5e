import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient, expectRefusal } from "./api-client.ts";
import { makeInvite, prove, registration } from "./reference-invite.ts";

const CHANNEL = "acme/team/general";

let server: SkytaleServer;
let alice: ApiClient & { readonly accountId: string };

beforeAll(async () => {
  server = await startSkytale({
    port: 0,
    relayPort: 0,
    logger: false,
    limits: {
      api: {
        requestsPerSecond: 100_000,
        signupsPerHour: 100_000,
        maxPendingPerChannel: 3,
        maxInvitesPerChannel: 3,
        maxWaitingPerAccount: 2,
      },
    },
  });
  alice = await ApiClient.signUp(server.apiUrl, "alice");
  await alice.post("/v1/channels", { name: CHANNEL });
});

afterAll(() => server.close());

const made = makeInvite();
const INVITE = registration(made, CHANNEL);
const JOIN = prove(made, CHANNEL, Buffer.from("key package"));

describe("invalid bodies", () => {
  it.each<[string, string, object]>([
    ["a short invite key", "/v1/channels/invites", { ...INVITE, invite_key: "AAAA" }],
    ["a long invite key", "/v1/channels/invites", { ...INVITE, invite_key: "A".repeat(44) }],
    ["an invite key that is not canonical", "/v1/channels/invites", { ...INVITE, invite_key: `${"A".repeat(42)}B` }],
    ["an invite key in another alphabet", "/v1/channels/invites", { ...INVITE, invite_key: `${"A".repeat(42)}+` }],
    ["an invite without a key", "/v1/channels/invites", { channel: CHANNEL }],
    ["an invite of no use", "/v1/channels/invites", { ...INVITE, max_uses: 0 }],
    ["an invite of too many uses", "/v1/channels/invites", { ...INVITE, max_uses: 1001 }],
    ["an invite of half a use", "/v1/channels/invites", { ...INVITE, max_uses: 1.5 }],
    ["an invite of an endless life", "/v1/channels/invites", { ...INVITE, ttl_seconds: 31 * 24 * 3600 }],
    ["an invite of a negative life", "/v1/channels/invites", { ...INVITE, ttl_seconds: -1 }],
    ["an invite without an attestation", "/v1/channels/invites", { ...INVITE, attestation: undefined }],
    ["a short attestation", "/v1/channels/invites", { ...INVITE, attestation: "AAAA" }],
    ["an attestation for other terms", "/v1/channels/invites", { ...INVITE, max_uses: 2 }],
    ["a large attestation", "/v1/channels/invites", { ...INVITE, attestation: "A".repeat(5464) }],
    ["a short proof", "/v1/channels/joins", { ...JOIN, proof: "AAAA" }],
    ["a short request id", "/v1/channels/joins", { ...JOIN, request_id: "AAAA" }],
    ["an empty key package", "/v1/channels/joins", { ...JOIN, key_package: "" }],
    ["a large key package", "/v1/channels/joins", { ...JOIN, key_package: "A".repeat(21_848) }],
    ["a malformed account id", "/v1/channels/grants", { channel: CHANNEL, account_id: "../x" }],
    ["a channel that is not text", "/v1/channels", { name: 7 }],
    ["a prototype", "/v1/channels", { ["__proto__"]: { name: CHANNEL } }],
  ])("are refused: %s", async (_what, path, body) => {
    expectRefusal(await alice.post(path, body), 400, "malformed_request");
  });

  it.each<[string, string, number]>([
    ["no JSON", "{", 400],
    ["a prototype in JSON", '{"__proto__": {"x": 1}, "name": "a/b/c"}', 400],
    ["deep nesting", `${"[".repeat(30_000)}${"]".repeat(30_000)}`, 400],
    ["null", "null", 400],
    ["a large body", JSON.stringify({ name: "x".repeat(70_000) }), 413],
  ])("are refused: %s", async (_what, body, status) => {
    expectRefusal(await alice.send("POST", "/v1/channels", body), status, status === 413 ? "too_large" : "malformed_request");
  });

  it("are refused in another media type", async () => {
    const headers = { authorization: `Bearer ${alice.bearer}`, "content-type": "text/plain" };
    const response = await fetch(`${server.apiUrl}/v1/channels`, { method: "POST", headers, body: "name=a/b/c" });
    expect(response.status).toBe(400);
  });

  it("of any JSON never fail the server", async () => {
    const paths = [
      "/v1/accounts",
      "/v1/keys",
      "/v1/tokens",
      "/v1/channels",
      "/v1/channels/grants",
      "/v1/channels/invites",
      "/v1/channels/joins",
    ];
    const bodies = [{ email: "x@example.org", name: "x" }, INVITE, JOIN, { name: "a/b/c" }];
    const body = fc.oneof(
      fc.jsonValue(),
      fc
        .tuple(fc.constantFrom(...bodies), fc.constantFrom(...bodies.flatMap(Object.keys)), fc.jsonValue())
        .map(([base, key, value]) => ({ ...base, [key]: value })),
    );
    const run = fc.asyncProperty(fc.constantFrom(...paths), body, async (path, content) => {
      const { status } = await alice.post(path, content);
      expect(status).toBeLessThan(500);
    });
    await fc.assert(run, { numRuns: gateOrSoak(100, 3000) });
    expect(await (await fetch(`${server.apiUrl}/metrics`)).text()).toMatch(/^skytale_server_failures_total 0$/m);
  });
});

describe("invalid queries", () => {
  it.each([
    "/v1/channels?limit=0",
    "/v1/channels?limit=101",
    "/v1/channels?limit=x",
    "/v1/channels?after=%00",
    "/v1/channels?after=../x",
    "/v1/channels/pending",
    `/v1/channels/pending?channel=${CHANNEL}&wait=-1`,
    `/v1/channels/pending?channel=${CHANNEL}&wait=x`,
    `/v1/channels/pending?channel=${CHANNEL}&channel=${CHANNEL}`,
    "/v1/channels/joins/x",
  ])("are refused: %s", async (path) => {
    expectRefusal(await alice.get(path), 400, "malformed_request");
  });

  it("name what there is not", async () => {
    expectRefusal(await alice.get("/v1/nothing"), 404, "not_found");
    expectRefusal(await alice.send("PUT", "/v1/channels"), 404, "not_found");
    expectRefusal(await alice.delete(`/v1/keys/${"x".repeat(64)}`), 404, "not_found");
    expectRefusal(await alice.delete("/v1/keys/..%2F..%2Faccount"), 404, "not_found");
    expectRefusal(await alice.get("/v1/channels/pending?channel=bad-name"), 400, "invalid_channel_name");
  });
});

describe("too much", () => {
  it("are invites, and requests that wait on a channel", async () => {
    const name = "acme/team/full";
    await alice.post("/v1/channels", { name });
    const invites = Array.from({ length: 4 }, makeInvite);
    const answers = [];
    for (const invite of invites) answers.push(await alice.post("/v1/channels/invites", registration(invite, name, 2)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 429]);
    const joins = [];
    for (const by of [...invites.slice(0, 2), ...invites.slice(0, 2)]) {
      joins.push(await alice.post("/v1/channels/joins", prove(by, name, Buffer.from("x"))));
    }
    expect(joins.map(({ status }) => status)).toEqual([202, 202, 202, 429]);
  });

  it("are calls that wait, until one hangs up", async () => {
    const bob = await ApiClient.signUp(server.apiUrl, "bob");
    await bob.post("/v1/channels", { name: "bobs/team/general" });
    const path = "/v1/channels/pending?channel=bobs/team/general&wait=30";
    const controller = new AbortController();
    const waiting = [bob.get(path, controller.signal), bob.get(path, controller.signal)].map((call) => call.catch(() => "hung up"));
    const count = async (): Promise<string> => (await fetch(`${server.apiUrl}/metrics`)).text();
    await expect.poll(count).toMatch(/^skytale_api_waiting 2$/m);
    expectRefusal(await bob.get(path), 429, "rate_limited");
    controller.abort();
    expect(await Promise.all(waiting)).toEqual(["hung up", "hung up"]);
    await expect.poll(count).toMatch(/^skytale_api_waiting 0$/m);
  });
});

it("bytes that are not HTTP end only their connection", async () => {
  for (const bytes of [
    "\0\0\0\0\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ]) {
    const socket = connect(server.apiPort, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(bytes);
    await once(socket, "close");
  }
  expect((await alice.get("/v1/accounts/me")).status).toBe(200);
});
