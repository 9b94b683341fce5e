import { describeUnless, rejectionOf } from "@parley/test-assertions";
import { LoadBalancer, missingNats, startNats, type NatsServers } from "@parley/test-nats";
import { RelayClient } from "@parley/skytale-relay";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import type { SkytaleOptions } from "../../src/options.ts";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient, expectRefusal } from "../api/api-client.ts";
import { makeInvite, prove, registration } from "../api/reference-invite.ts";
import { sharedOptions } from "./shared-options.ts";

const message = (text: string) => ({ kind: "application", epoch: 1n, payload: new TextEncoder().encode(text) }) as const;

describeUnless(missingNats(1), "two servers with the same data", () => {
  let nats: NatsServers;
  let one: SkytaleServer;
  let other: SkytaleServer;
  let shared: SkytaleOptions;
  let alice: ApiClient & { readonly accountId: string };
  let bob: ApiClient & { readonly accountId: string };

  beforeAll(async () => {
    nats = await startNats();
    shared = sharedOptions(nats.urls, { limits: { relay: { accessCheckMs: 20 }, api: { requestsPerSecond: 10_000, maxWaitMs: 600_000 } } });
    // At the same time: both find no account and no signing key.
    [one, other] = await Promise.all([startSkytale(shared), startSkytale(shared)]);
  });
  afterAll(async () => {
    await Promise.all([one.close(), other.close()]);
    await nats.stop();
  });

  let count = 0;
  let channel: string;
  beforeEach(async () => {
    alice = await ApiClient.signUp(one.apiUrl, `alice${++count}`);
    bob = await ApiClient.signUp(other.apiUrl, `bob${count}`);
    channel = `org${count}/team/general`;
    expect((await alice.post("/v1/channels", { name: channel })).status).toBe(201);
  });

  /** The same account at another server. */
  const at = (server: SkytaleServer, { bearer }: ApiClient): ApiClient => new ApiClient(server.apiUrl, bearer);

  function relay(server: SkytaleServer, account: ApiClient): RelayClient {
    const token = async (): Promise<string> => String((await account.post("/v1/tokens", { audience: ["skytale-relay"] })).body["token"]);
    const client = new RelayClient({ url: server.relayUrl, token });
    onTestFinished(() => client.close());
    return client;
  }

  async function admitBob(): Promise<void> {
    const invite = makeInvite();
    expect((await alice.post("/v1/channels/invites", registration(invite, channel))).status).toBe(201);
    const request = prove(invite, channel, Buffer.from("key package"));
    expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
    const answer = await alice.post(`/v1/channels/pending/${request.request_id}/welcome`, { channel, welcome: "AAAA" });
    expect(answer.status).toBe(204);
  }

  it("create one operator, and accept keys and tokens of each other", async () => {
    expect([one.apiKey, other.apiKey].filter((key) => key !== undefined)).toHaveLength(1);
    for (const from of [one, other]) {
      const { body } = await at(from, alice).post("/v1/tokens");
      for (const to of [one, other]) expect((await new ApiClient(to.apiUrl, String(body["token"])).get("/v1/channels")).status).toBe(200);
    }
    const { apiKey } = await other.createAccount({ email: `carol${count}@example.org`, name: "carol" });
    expect((await new ApiClient(one.apiUrl, apiKey.key).get("/v1/channels")).status).toBe(200);
  });

  it("deliver messages that were published on the other one", async () => {
    const received: string[] = [];
    const listening = (async () => {
      for await (const { payload } of relay(other, at(other, alice)).subscribe(channel, { from: 1 })) {
        received.push(Buffer.from(payload).toString());
        if (received.length === 20) return;
      }
    })();
    const [here, there] = [relay(one, alice), relay(other, at(other, alice))];
    for (let index = 0; index < 10; index++) {
      await here.publish(channel, message(`one ${index}`));
      await there.publish(channel, message(`other ${index}`));
    }
    await listening;
    expect(received).toEqual(Array.from({ length: 10 }, (_, index) => [`one ${index}`, `other ${index}`]).flat());
  });

  it("delete a channel for all, so that a later one of its name has nothing of it", async () => {
    await admitBob();
    const [here, there] = [relay(one, alice), relay(other, bob)];
    const { sequence } = await here.publish(channel, message("before"));
    await there.publish(channel, message("before, too"));
    await one.deleteChannel(channel);
    await expect.poll(() => rejectionOf(there.publish(channel, message("after")))).toMatchObject({ code: "permission_denied" });
    expect((await at(other, alice).post("/v1/channels", { name: channel })).status).toBe(201);
    const published = await relay(other, at(other, alice)).publish(channel, message("new"));
    expect(published.sequence).toBeGreaterThan(sequence + 1);
    for await (const entry of relay(one, alice).subscribe(channel, { from: published.sequence })) {
      expect(Buffer.from(entry.payload).toString()).toBe("new");
      break;
    }
    await expect(there.publish(channel, message("still not"))).rejects.toMatchObject({ code: "permission_denied" });
  });

  it("wake calls that wait for a join request, or for its response, on the other one", async () => {
    const invite = makeInvite();
    expect((await alice.post("/v1/channels/invites", registration(invite, channel))).status).toBe(201);
    const request = prove(invite, channel, Buffer.from("key package"));
    const pending = alice.get(`/v1/channels/pending?channel=${encodeURIComponent(channel)}&wait=600`);
    expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
    expect((await pending).body["pending"]).toMatchObject([{ request_id: request.request_id }]);
    const response = bob.get(`/v1/channels/joins/${request.request_id}?wait=600`);
    const answer = { channel, welcome: "AAAA" };
    expect((await alice.post(`/v1/channels/pending/${request.request_id}/welcome`, answer)).status).toBe(204);
    expect((await response).body).toMatchObject({ status: "admitted" });
  });

  it("open a channel to an account on the other one by a grant, and close it when the grant is withdrawn", async () => {
    await expect(relay(other, bob).publish(channel, message("let me in"))).rejects.toMatchObject({ code: "permission_denied" });
    await admitBob();
    const client = relay(other, bob);
    await client.publish(channel, message("hello"));
    const listening = (async () => {
      for await (const _ of client.subscribe(channel, { from: 1 }))
        await alice.delete(`/v1/channels/grants?channel=${encodeURIComponent(channel)}&account_id=${bob.accountId}`);
    })();
    await expect(listening).rejects.toMatchObject({ code: "permission_denied" });
  });

  it("end the streams of a key that was revoked on the other one", async () => {
    const client = relay(other, bob);
    await client.connect();
    const { body } = await at(one, bob).get("/v1/keys");
    const [key] = body["keys"] as { id: string }[];
    await one.revokeApiKey(key?.id ?? "");
    await expect.poll(() => client.publish(channel, message("x")).catch((error: { code: string }) => error.code)).toBe("unauthenticated");
    expectRefusal(await bob.get("/v1/channels"), 401, "key_invalid");
  });

  it("divide the rate of an account between them", async () => {
    const limits = { api: { requestsPerSecond: 20 } };
    const options = sharedOptions(nats.urls, { limits });
    const [first, second] = [await startSkytale(options), await startSkytale(options)];
    onTestFinished(() => first.close());
    onTestFinished(() => second.close());
    const account = await ApiClient.signUp(second.apiUrl, "dave");
    const answers = await Promise.all(Array.from({ length: 60 }, () => account.get("/v1/channels")));
    const accepted = answers.filter(({ status }) => status === 200).length;
    expect(accepted).toBeGreaterThanOrEqual(10);
    expect(accepted).toBeLessThan(60);
    expectRefusal(answers.find(({ status }) => status !== 200) ?? (answers[0] as never), 429, "rate_limited");
  });

  it("are ready while they reach NATS; one that is cut off reports the reason, and sends its clients to the other", async () => {
    const natsPorts = [Number(new URL(nats.urls[0] ?? "").port)];
    const proxy = await LoadBalancer.start(natsPorts);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const options = { ...sharedOptions(nats.urls, { limits: { relay: { accessCheckMs: 20 } } }), metricsPort: 0 };
    const first = await startSkytale({ ...options, nats: [`nats://127.0.0.1:${proxy.port}`] });
    onTestFinished(() => first.close().catch(() => undefined));
    const second = await startSkytale(options);
    onTestFinished(() => second.close());
    const balancer = await LoadBalancer.start([first.relayPort, second.relayPort]);
    onTestFinished(() => balancer[Symbol.asyncDispose]());
    const get = async (server: SkytaleServer, path: string) => {
      const response = await fetch(`${server.metricsUrl}${path}`);
      return { status: response.status, body: await response.json() };
    };
    const account = new ApiClient(second.apiUrl, first.apiKey);
    expect((await account.post("/v1/channels", { name: channel })).status).toBe(201);
    const token = async (): Promise<string> => String((await account.post("/v1/tokens", { audience: ["skytale-relay"] })).body["token"]);
    const client = new RelayClient({ url: `http://127.0.0.1:${balancer.port}`, token });
    onTestFinished(() => client.close());
    await client.publish(channel, message("before"));
    expect(balancer.connectionsTo(first.relayPort)).toBe(1);
    expect(await get(first, "/ready")).toEqual({ status: 200, body: { status: "ok" } });

    proxy.use([]);
    proxy.cut();
    expect(await client.publish(channel, message("after"))).toMatchObject({ sequence: 2 });
    expect(balancer.connectionsTo(second.relayPort)).toBe(1);
    expect(await get(first, "/ready")).toMatchObject({ status: 503, body: { status: "failing" } });
    expect(await get(first, "/health")).toEqual({ status: 200, body: { status: "ok" } });
    expect(await get(second, "/ready")).toEqual({ status: 200, body: { status: "ok" } });
    proxy.use(natsPorts);
    await expect.poll(() => get(first, "/ready")).toEqual({ status: 200, body: { status: "ok" } });
  });

  it("say at the start what an acknowledgement means", async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: "info" }, { write: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>) });
    await (await startSkytale({ ...sharedOptions(nats.urls), logger })).close();
    expect(lines.find(({ msg }) => msg === "storage in use")).toMatchObject({
      acknowledged: expect.stringContaining("written by one NATS server, to the page cache") as string,
    });
  });

  it("are rejected with the reason when options or NATS do not fit", async () => {
    const reject = (options: SkytaleOptions) => rejectionOf(startSkytale({ port: 0, relayPort: 0, logger: false, ...options }));
    const message = async (options: SkytaleOptions) => ((await reject(options)) as Error).message;
    const serverKey = Buffer.alloc(32, 1);
    expect(await message({ nats: nats.urls })).toContain('Option "nats" needs the option "serverKey" (SKYTALE_SERVER_KEY)');
    expect(await message({ nats: nats.urls, serverKey, dataDir: "/nowhere" })).toContain('"dataDir" excludes the option "nats"');
    expect(await message({ natsPrefix: "x" })).toContain('Option "natsPrefix" needs the option "nats"');
    expect(await message({ nats: ["nats://me:secret@n1"], serverKey })).not.toContain("secret");
    expect(await message({ nats: [], serverKey })).toContain("a list of addresses without user names");
    // The keys that sign tokens are sealed with another key.
    expect(await reject({ ...shared, serverKey })).toMatchObject({ code: "data_dir_unusable" });
  });
});
