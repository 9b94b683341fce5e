import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { openFileStore } from "@parley/mls-engine/node";
import { RelayClient } from "@parley/skytale-relay";
import { decodeMessage } from "@parley/skytale-relay/internal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiClient } from "../src/api/api-client.ts";
import { loadIdentityKey } from "../src/identity-key.ts";
import { type Channel, type SkytaleClientEvents } from "../src/index.ts";
import { decodeWelcome } from "../src/welcome-bundle.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";
import { LyingTransport } from "./support/lying-transport.ts";

let harness: Harness;
let errors: string[];
let skipped: string[];
let events: Partial<SkytaleClientEvents>;

const code = (error: Error): string => ("code" in error ? String(error.code) : "");

beforeEach(async () => {
  harness = await Harness.start();
  errors = [];
  skipped = [];
  events = {
    onError: (_channel, error) => errors.push(code(error)),
    onSkipped: (_channel, { error }) => skipped.push(code(error)),
  };
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

describe("garbage on record as the commit of an epoch", () => {
  it("does not block its epoch, however often it is repeated", async () => {
    const [a, b] = (await channelOf(harness.client("alice", { events }), harness.client("bob"))) as [Channel, Channel];
    const api = new ApiClient({ apiKey: harness.apiKey, apiUrl: harness.server.apiUrl });
    await using stranger = new RelayClient({ url: harness.server.relayUrl, token: ({ signal }) => api.relayToken({ signal }) });
    const garbage = { kind: "commit", epoch: 1n, payload: Uint8Array.from(randomBytes(50)) } as const;
    const { sequence } = await stranger.publish(NAME, garbage);
    await stranger.publish(NAME, { ...garbage, supersedes: sequence });
    await a.rotateKey();
    expect(a.epoch).toBe(2n);
    await b.send(bytes("still here"));
    expect(await take(a, 1)).toEqual(["still here"]);
    expect(skipped).toEqual(["mls_error", "mls_error"]);
    await api.close();
  });
});

describe("a channel that is created again under its name", () => {
  it("is rejected for another agent of the account, with advice", async () => {
    await channelOf(harness.client("alice"));
    await expect(harness.client("bob").createChannel(NAME)).rejects.toMatchObject({
      name: "ChannelError",
      code: "channel_exists",
      message: expect.stringMatching(/acme\/team\/general already exists: join it with an invite token.*replace: true/) as string,
    });
  });

  it("succeeds for its creator after a lost response", async () => {
    const store = await openFileStore(join(harness.directory, "alice"));
    const identityKey = await loadIdentityKey(store);
    await store.close();
    const alice = harness.client("alice");
    const key = createHash("sha256").update("skytale create\0").update(identityKey.pair.publicKey).update(NAME).digest("base64url");
    const api = new ApiClient({ apiKey: harness.apiKey, apiUrl: harness.server.apiUrl });
    await api.createChannel(NAME, key);
    await api.close();
    expect(await (await alice.createChannel(NAME)).send(bytes("mine"))).toEqual({ sequence: 1 });
  });

  it("opens for its member and is rejected for others with openOrCreateChannel", async () => {
    const alice = harness.client("alice");
    await (await alice.openOrCreateChannel(NAME)).close();
    expect((await alice.openOrCreateChannel(NAME)).members).toHaveLength(1);
    await expect(harness.client("bob").openOrCreateChannel(NAME)).rejects.toMatchObject({ code: "channel_exists" });
  });

  it("has other members when it is replaced", async () => {
    const [a, b] = (await channelOf(harness.client("alice"), harness.client("bob"))) as [Channel, Channel];
    await a.send(bytes("first"));
    const again = await harness.client("alice, who lost her keys", { events }).createChannel(NAME, { replace: true });
    const carol = harness.client("carol");
    const atCarol = await carol.joinChannel(NAME, await again.addMember(await carol.generateKeyPackage()));
    await again.send(bytes("second"));
    expect(await take(atCarol, 1)).toEqual(["second"]);
    await a.rotateKey();
    await a.send(bytes("third"));
    expect(await take(b, 2)).toEqual(["first", "third"]);
    expect(skipped).toEqual([]);
  });

  it("is rejected for a member", async () => {
    const alice = harness.client("alice");
    await using channel = await alice.createChannel(NAME);
    await expect(alice.createChannel(NAME)).rejects.toMatchObject({ code: "channel_exists" });
    await channel.close();
    await expect(alice.createChannel(NAME)).rejects.toMatchObject({ code: "channel_exists" });
  });
});

describe("unsettled messages", () => {
  it("stop reading at the inbox's limit, reject group changes with inbox_full, and are not lost", async () => {
    const [a, b] = (await channelOf(harness.client("alice"), harness.client("bob", { limits: { maxMessages: 2 } }))) as [Channel, Channel];
    const sent = ["1", "2", "3", "4", "5"];
    for (const message of sent) await a.send(bytes(message));
    await expect.poll(() => b.caughtUp().catch(code)).toBe("inbox_full");
    await expect(b.rotateKey()).rejects.toMatchObject({ name: "ChannelError", code: "inbox_full", retryable: true });
    expect(await take(b, 5)).toEqual(sent);
    await b.rotateKey();
  });

  it("are not stored with receive: false", async () => {
    const bob = harness.client("bob", { limits: { maxMessages: 1 } });
    const a = await harness.client("alice").createChannel(NAME);
    const welcome = await a.addMember(await bob.generateKeyPackage());
    const b = await bob.joinChannel(NAME, welcome, { receive: false, updateKeys: false });
    for (const message of ["1", "2", "3"]) await a.send(bytes(message));
    await a.rotateKey();
    await expect.poll(() => b.epoch).toBe(2n);
    await b.send(bytes("hello"));
    expect(await take(a, 1)).toEqual(["hello"]);
    expect(() => b.messages()).toThrow(TypeError);
  });
});

describe("a removed member", () => {
  it("can't write with the keys that it has", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b, c] = (await channelOf(
      harness.client("alice", { events }),
      harness.client("bob"),
      harness.client("mallory", { transport }),
    )) as [Channel, Channel, Channel];
    await c.caughtUp();
    // It doesn't want to know.
    transport.lie = (message) => (decodeMessage(message).kind === "commit" ? [] : [message]);
    await a.removeMember("mallory");
    await c.send(bytes("still here"));
    await b.send(bytes("is she gone?"));
    expect(await take(a, 1)).toEqual(["is she gone?"]);
    expect(skipped).toEqual(["epoch_mismatch"]);
  });
});

describe("a welcome", () => {
  it("is for one channel, one agent and one use", async () => {
    const alice = harness.client("alice");
    const bob = harness.client("bob");
    const channel = await alice.createChannel(NAME);
    const welcome = await channel.addMember(await bob.generateKeyPackage());
    const rejection = { name: "MlsError", code: "invalid_welcome" };
    await expect(bob.joinChannel("acme/team/other", welcome)).rejects.toMatchObject(rejection);
    await expect(harness.client("carol").joinChannel(NAME, welcome)).rejects.toMatchObject(rejection);
    await expect(bob.joinChannel(NAME, bytes("garbage"))).rejects.toMatchObject({ name: "MlsError" });
    const joined = await bob.joinChannel(NAME, welcome);
    await expect(bob.joinChannel(NAME, welcome)).rejects.toMatchObject({ code: "channel_exists" });
    await joined.close();
    await expect(bob.joinChannel(NAME, welcome)).rejects.toMatchObject(rejection);
    await using again = await bob.openChannel(NAME);
    expect(again.members).toHaveLength(2);
  });

  it("proves its channel even without saying which it is", async () => {
    const channel = await harness.client("alice").createChannel(NAME);
    const bob = harness.client("bob");
    const bare = decodeWelcome(await channel.addMember(await bob.generateKeyPackage())).welcome;
    await expect(bob.joinChannel("acme/team/other", bare)).rejects.toMatchObject({ code: "invalid_welcome" });
    await channel.removeMember("bob");
    await channel.send(bytes("before"));
    const another = decodeWelcome(await channel.addMember(await bob.generateKeyPackage())).welcome;
    const joined = await bob.joinChannel(NAME, another);
    await channel.send(bytes("after"));
    expect(await take(joined, 1)).toEqual(["after"]);
  });
});

describe("a client", () => {
  it("without an API key fails with api_key_required", async () => {
    const { SkytaleClient } = await import("../src/index.ts");
    await using client = new SkytaleClient(harness.server.relayUrl, `${harness.directory}/nobody`, "nobody");
    await expect(client.createChannel(NAME)).rejects.toMatchObject({ name: "AuthError", code: "api_key_required" });
    expect((await client.generateKeyPackage()).length).toBeGreaterThan(100);
  });

  it("with a wrong API key is rejected", async () => {
    await using client = harness.client("eve", { apiKey: `sk_live_${"0".repeat(16)}_${"0".repeat(43)}` });
    await expect(client.createChannel(NAME)).rejects.toMatchObject({
      name: "AuthError",
      code: "auth_key_invalid",
      message: expect.stringMatching(/^auth error: /),
    });
  });

  it("rejects invalid channel names before any other check", async () => {
    await using client = harness.client("alice");
    const rejection = { code: "bad_request", message: "invalid channel name: bad-name (expected org/namespace/service)" };
    await expect(client.createChannel("bad-name")).rejects.toMatchObject(rejection);
    await expect(client.joinChannel("bad-name", new Uint8Array())).rejects.toMatchObject(rejection);
    await expect(client.openChannel("bad-name")).rejects.toMatchObject(rejection);
  });

  it("rejects pending calls when it is closed, and all later calls", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const alice = harness.client("alice", { transport });
    const [a] = (await channelOf(alice)) as [Channel];
    const reading = a.messages().next();
    transport.cut();
    const waiting = [a.send(bytes("never")), a.rotateKey(), a.addMember(await harness.client("bob").generateKeyPackage())];
    const settled = Promise.allSettled(waiting);
    await alice.close();
    const closed = { status: "rejected", reason: { name: "TransportError", code: "closed" } };
    expect(await settled).toMatchObject([closed, closed, closed]);
    expect(await reading).toEqual({ done: true, value: undefined });
    await expect(a.send(bytes("late"))).rejects.toMatchObject({ code: "closed" });
    await expect(alice.openChannel(NAME)).rejects.toMatchObject({ code: "closed" });
    await alice.close();
  });
});

describe("a change whose caller stops waiting", () => {
  it("takes effect later or not at all, and does not block other calls", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b] = (await channelOf(harness.client("alice", { transport }), harness.client("bob"))) as [Channel, Channel];
    await a.caughtUp();
    const stop = new AbortController();
    const changing = a.rotateKey({ signal: stop.signal });
    transport.cut();
    stop.abort(new Error("enough"));
    await expect(changing).rejects.toThrow("enough");
    transport.mend();
    await a.send(bytes("on we go"));
    await b.rotateKey();
    await a.rotateKey();
    expect(await take(b, 1)).toEqual(["on we go"]);
    await expect.poll(() => a.epoch === b.epoch).toBe(true);
  });
});
