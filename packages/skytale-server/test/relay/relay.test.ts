import { setTimeout as sleep } from "node:timers/promises";
import { EpochTakenError, RangeGoneError, RelayClient, type RelayMessage } from "@parley/skytale-relay";
import { describe, expect, it } from "vitest";
import { CHANNEL, message, payload, RelayHarness, take, text } from "./relay-harness.ts";

const commit = (epoch: bigint, content: string, supersedes?: number) => ({
  kind: "commit" as const,
  epoch,
  payload: payload(content),
  ...(supersedes !== undefined && { supersedes }),
});

const sequences = (messages: readonly RelayMessage[]): number[] => messages.map(({ sequence }) => sequence);
const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);

describe.each(["memory", "grpc"])("a relay by %s", (wire) => {
  const clientOf = async (harness: RelayHarness, account: string): Promise<RelayClient> =>
    wire === "grpc" ? harness.grpcClient(account) : harness.client(account);

  it("delivers what is published, in order, from the first", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const bob = await clientOf(harness, "bob");
    expect(await alice.publish(CHANNEL, { ...message("one"), key: payload("k") })).toEqual({ sequence: 1 });
    const received = bob.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    const published = await Promise.all(["two", "three"].map((content) => alice.publish(CHANNEL, message(content))));
    expect(published).toEqual([{ sequence: 2 }, { sequence: 3 }]);
    const messages = await take(received, 3);
    expect(messages.map(({ sequence, payload }) => [sequence, text(payload)])).toEqual([
      [1, "one"],
      [2, "two"],
      [3, "three"],
    ]);
    expect(messages[0]).toMatchObject({ kind: "application", epoch: 1n, key: payload("k") });
    expect(messages[0]?.recordedAt).toBeGreaterThan(1_700_000_000_000);
    expect(harness.failures).toEqual([]);
  });

  it("gives all publishers one order, and keeps each one's own", async () => {
    await using harness = new RelayHarness();
    const publishers = await Promise.all(upTo(8).map((number) => clientOf(harness, `publisher-${number}`)));
    const reader = await clientOf(harness, "reader");
    const received = reader.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    const acked = await Promise.all(
      publishers.flatMap((publisher, which) =>
        upTo(200).map(async (number) => {
          const { sequence } = await publisher.publish(CHANNEL, message(`${which} ${number}`));
          return [sequence, `${which} ${number}`] as const;
        }),
      ),
    );
    const messages = await take(received, 1600);
    expect(sequences(messages)).toEqual(upTo(1600));
    expect(messages.map(({ sequence, payload }) => [sequence, text(payload)])).toEqual(acked.toSorted(([left], [right]) => left - right));
    for (const [which] of publishers.entries()) {
      const own = messages.map(({ payload }) => text(payload).split(" ")).filter(([publisher]) => publisher === String(which));
      expect(own.map(([, number]) => Number(number))).toEqual(upTo(200));
    }
  });

  it("accepts one commit per epoch, and rejects the others with its sequence number", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const bob = await clientOf(harness, "bob");
    await alice.publish(CHANNEL, commit(4n, "earlier"));
    const raced = await Promise.allSettled([alice, bob].map((client) => client.publish(CHANNEL, commit(5n, "raced"))));
    expect(raced.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const lost = raced.find((one) => one.status === "rejected")?.reason as EpochTakenError;
    expect(lost).toBeInstanceOf(EpochTakenError);
    expect(lost).toMatchObject({ code: "epoch_taken", retryable: false, winner: 2, currentEpoch: 6n });
    expect(await bob.publish(CHANNEL, commit(6n, "next"))).toEqual({ sequence: 3, logEpoch: 7n });
  });

  it("handles the largest epoch number like any other", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const last = 2n ** 64n - 1n;
    await alice.publish(CHANNEL, commit(last, "first"));
    await expect(alice.publish(CHANNEL, commit(last, "second"))).rejects.toMatchObject({
      code: "epoch_taken",
      winner: 1,
      currentEpoch: last,
    });
  });

  it("accepts a commit that supersedes the recorded one as invalid", async () => {
    await using harness = new RelayHarness();
    const mallory = await clientOf(harness, "mallory");
    const alice = await clientOf(harness, "alice");
    await mallory.publish(CHANNEL, commit(5n, "garbage"));
    await expect(alice.publish(CHANNEL, commit(5n, "real"))).rejects.toMatchObject({ code: "epoch_taken", winner: 1 });
    await alice.publish(CHANNEL, commit(5n, "real", 1));
    await expect(mallory.publish(CHANNEL, commit(5n, "more garbage", 1))).rejects.toMatchObject({ code: "epoch_taken", winner: 2 });
    const { messages } = await alice.fetchRange(CHANNEL, { from: 1 });
    expect(messages.map(({ kind, payload, supersedes }) => [kind, text(payload), supersedes])).toEqual([
      ["commit", "garbage", undefined],
      ["commit", "real", 1],
    ]);
  });

  it("answers a retry with the sequence that the first attempt got", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const key = payload("a key of mine");
    const first = await alice.publish(CHANNEL, { ...message("once"), key });
    expect(await alice.publish(CHANNEL, { ...message("once"), key })).toEqual({ ...first, isRepeated: true });
    expect(await alice.heads([CHANNEL])).toEqual([{ first: 1, next: 2 }]);
  });

  it("starts a subscription at the requested position", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    await alice.publish(CHANNEL, message("before"));
    const now = alice.subscribe(CHANNEL, { from: "now" });
    const later = (await clientOf(harness, "alice")).subscribe(CHANNEL, { from: 5 });
    expect(await now.whenOpen()).toBe(2);
    expect(await later.whenOpen()).toBe(5);
    for (let number = 2; number <= 6; number++) await alice.publish(CHANNEL, message(`${number}`));
    expect(sequences(await take(now[Symbol.asyncIterator](), 5))).toEqual([2, 3, 4, 5, 6]);
    expect(sequences(await take(later[Symbol.asyncIterator](), 2))).toEqual([5, 6]);
  });

  it("fails with range_gone for entries removed by retention", async () => {
    await using harness = new RelayHarness({ logs: { log: { retention: { maxEntries: 3 } } } });
    const alice = await clientOf(harness, "alice");
    for (const number of upTo(10)) await alice.publish(CHANNEL, message(`${number}`));
    const subscription = alice.subscribe(CHANNEL, { from: 1 });
    await expect(take(subscription[Symbol.asyncIterator](), 1)).rejects.toMatchObject({ code: "range_gone", firstSequence: 8 });
    await expect(alice.fetchRange(CHANNEL, { from: 7 })).rejects.toBeInstanceOf(RangeGoneError);
    expect(sequences((await alice.fetchRange(CHANNEL, { from: 8 })).messages)).toEqual([8, 9, 10]);
    expect(await alice.heads([CHANNEL])).toEqual([{ first: 8, next: 11 }]);
  });

  it("sends a reader no more than it can hold, and leaves nothing out", async () => {
    let delivered = 0;
    await using harness = new RelayHarness({ observer: { onDelivered: (messages) => (delivered += messages) } });
    const alice = await clientOf(harness, "alice");
    const slow = await clientOf(harness, "slow");
    const fast = await clientOf(harness, "fast");
    const slowMessages = slow.subscribe(CHANNEL, { from: 1, bufferBytes: 10_000 });
    const fastMessages = fast.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    await slowMessages.whenOpen();
    const content = "x".repeat(1000);
    for (let round = 0; round < 5; round++) await Promise.all(upTo(100).map(() => alice.publish(CHANNEL, message(content))));
    expect(sequences(await take(fastMessages, 500))).toEqual(upTo(500));
    // About ten of them fill the slow one's buffer.
    expect(delivered - 500).toBeLessThan(20);
    expect(sequences(await take(slowMessages[Symbol.asyncIterator](), 500))).toEqual(upTo(500));
    expect(delivered).toBe(1000);
  });

  it("carries messages that are larger than a reader's buffer", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const messages = alice.subscribe(CHANNEL, { from: 1, bufferBytes: 1 })[Symbol.asyncIterator]();
    const large = new Uint8Array(1024 * 1024).fill(7);
    for (let number = 0; number < 3; number++) await alice.publish(CHANNEL, { kind: "application", epoch: 1n, payload: large });
    for (const received of await take(messages, 3)) expect(Buffer.compare(received.payload, large)).toBe(0);
    await expect(alice.publish(CHANNEL, { ...message(""), payload: new Uint8Array(1024 * 1024 + 1) })).rejects.toMatchObject({
      code: "message_too_large",
    });
  });

  it("enforces the rights of each account", async () => {
    await using harness = new RelayHarness();
    const mallory = await clientOf(harness, "mallory");
    for (const action of ["publish", "read", "welcomes"]) harness.access.denied.add(`mallory ${action} ${CHANNEL}`);
    const denied = { code: "permission_denied", retryable: false };
    await expect(mallory.publish(CHANNEL, message("x"))).rejects.toMatchObject(denied);
    await expect(mallory.publishWelcome(CHANNEL, { recipients: [payload("bob")], payload: payload("w") })).rejects.toMatchObject(denied);
    await expect(take(mallory.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator](), 1)).rejects.toMatchObject(denied);
    await expect(mallory.subscribe(CHANNEL, { from: 1 }).whenOpen()).rejects.toMatchObject(denied);
    await expect(mallory.fetchRange(CHANNEL, { from: 1 })).rejects.toMatchObject(denied);
    await expect(mallory.heads(["acme/team/other", CHANNEL])).rejects.toMatchObject(denied);
    await expect(mallory.fetchWelcomes(CHANNEL, [payload("bob")])).rejects.toMatchObject(denied);
    await expect(mallory.ackWelcomes(CHANNEL, [{ id: payload("id"), recipient: payload("bob") }])).rejects.toMatchObject(denied);
    expect(await mallory.publish("acme/team/other", message("x"))).toEqual({ sequence: 1 });
    expect(harness.relay.counts.channels).toBe(0);
  });

  it("keeps welcomes until they are acknowledged, and recipients can wait for them", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const bob = await clientOf(harness, "bob");
    expect(await bob.fetchWelcomes(CHANNEL, [payload("bob")])).toEqual([]);
    const waiting = bob.fetchWelcomes(CHANNEL, [payload("bob"), payload("another of mine")], { waitMs: 30_000 });
    await alice.publishWelcome(CHANNEL, { recipients: [payload("bob"), payload("carol")], payload: payload("welcome") });
    const welcomes = await waiting;
    expect(welcomes.map((welcome) => [text(welcome.recipient), text(welcome.payload)])).toEqual([["bob", "welcome"]]);
    await bob.ackWelcomes(CHANNEL, welcomes);
    expect(await bob.fetchWelcomes(CHANNEL, [payload("bob")])).toEqual([]);
    expect(await bob.fetchWelcomes(CHANNEL, [payload("carol")])).toHaveLength(1);
    expect(await alice.heads([CHANNEL])).toEqual([{ first: 1, next: 1 }]);
  });

  it("reports an invalid token as not retryable", async () => {
    await using harness = new RelayHarness();
    const nobody = await clientOf(harness, "nobody");
    const waiting = nobody.publish(CHANNEL, message("x"));
    await expect(nobody.connect()).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(waiting).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(nobody.heads([CHANNEL])).rejects.toMatchObject({ code: "unauthenticated" });
    expect(() => nobody.subscribe(CHANNEL, { from: 1 })).toThrow(expect.objectContaining({ code: "unauthenticated" }));
  });

  it("ends streams of a revoked key, and subscriptions whose right is withdrawn", async () => {
    await using harness = new RelayHarness({ limits: { accessCheckMs: 20 } });
    const alice = await clientOf(harness, "alice/key");
    const bob = await clientOf(harness, "bob");
    const bobs = bob.subscribe(CHANNEL, { from: 1 });
    const alices = alice.subscribe(CHANNEL, { from: 1 });
    await Promise.all([bobs.whenOpen(), alices.whenOpen()]);
    harness.access.denied.add(`bob read ${CHANNEL}`);
    await expect(take(bobs[Symbol.asyncIterator](), 1)).rejects.toMatchObject({ code: "permission_denied" });
    harness.access.revokedKeys.add("key");
    await expect(take(alices[Symbol.asyncIterator](), 1)).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(alice.publish(CHANNEL, message("x"))).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await bob.publish(CHANNEL, message("x"))).toEqual({ sequence: 1 });
  });

  it("continues a stream with a fresh token, which the client requests in time", async () => {
    await using harness = new RelayHarness();
    // A fifth of it is what a busy machine may take to renew it.
    const lifetimeMs = 5000;
    const expiries: number[] = [];
    const token = (): string => {
      expiries.push(Date.now() + lifetimeMs);
      return `alice/key/${expiries.at(-1)}`;
    };
    const downs: unknown[] = [];
    const options = { token, events: { onDisconnected: (error: unknown) => void downs.push(error) } };
    const alice = wire === "grpc" ? await harness.grpcClient("alice", options) : harness.client("alice", options);
    const messages = alice.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    await alice.connect();
    for (let number = 1; Date.now() <= (expiries[0] ?? 0); number++) {
      await sleep(20);
      await alice.publish(CHANNEL, message(`${number}`));
      expect(sequences(await take(messages, 1))).toEqual([number]);
    }
    expect(expiries.length).toBeGreaterThan(1);
    expect(downs).toEqual([]);
  });

  it("ends a stream whose token expires, and takes the client back with a fresh one", async () => {
    await using harness = new RelayHarness();
    let calls = 0;
    // The fresh token is asked for in time, but isn't to be had then.
    const token = (): string => {
      if (++calls === 2) throw new Error("the API server is away");
      return calls === 1 ? `alice/key/${Date.now() + 3000}` : "alice/key";
    };
    const downs: string[] = [];
    const options = { token, events: { onDisconnected: ({ code }: { code: string }) => void downs.push(code) } };
    const alice = wire === "grpc" ? await harness.grpcClient("alice", options) : harness.client("alice", options);
    const messages = alice.subscribe(CHANNEL, { from: 1 });
    await messages.whenOpen();
    const bob = await clientOf(harness, "bob");
    const iterator = messages[Symbol.asyncIterator]();
    for (let number = 1; downs.length === 0 || !alice.connected; number++) {
      await sleep(20);
      await bob.publish(CHANNEL, message(`${number}`));
      expect(sequences(await take(iterator, 1))).toEqual([number]);
    }
    expect(downs).toEqual(["unauthenticated"]);
  });

  it("ends iterations and waiting when the client is closed, or the caller aborts", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    const reason = new Error("enough");
    const abort = new AbortController();
    const aborted = alice.subscribe(CHANNEL, { from: 1, signal: abort.signal });
    const open = alice.subscribe("acme/team/other", { from: 1 });
    await Promise.all([aborted.whenOpen(), open.whenOpen()]);
    const waits = aborted[Symbol.asyncIterator]().next();
    const waiting = alice.fetchWelcomes(CHANNEL, [payload("me")], { waitMs: 60_000, signal: abort.signal });
    abort.abort(reason);
    await expect(waits).rejects.toBe(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(alice.publish(CHANNEL, message("x"), { signal: abort.signal })).rejects.toBe(reason);
    await expect(alice.connect({ signal: abort.signal })).rejects.toBe(reason);
    expect(() => alice.subscribe(CHANNEL, { from: 1, signal: abort.signal })).toThrow(reason);

    const ends = open[Symbol.asyncIterator]().next();
    const unanswered = alice.publish(CHANNEL, message("x"));
    await alice.close();
    expect(await ends).toEqual({ done: true, value: undefined });
    await expect(unanswered).rejects.toMatchObject({ code: "closed" });
    await expect(alice.publish(CHANNEL, message("x"))).rejects.toMatchObject({ code: "closed" });
    await expect(open.whenOpen()).rejects.toMatchObject({ code: "closed" });
    await expect(alice.connect()).rejects.toMatchObject({ code: "closed" });
  });

  it("reports when a subscription has caught up", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    await Promise.all(upTo(20).map((number) => alice.publish(CHANNEL, message(`${number}`))));
    const caughtUp: [number, number][] = [];
    let taken = 0;
    const subscription = alice.subscribe(CHANNEL, { from: 1, onCaughtUp: (next) => void caughtUp.push([next, taken]) });
    const iterator = subscription[Symbol.asyncIterator]();
    for (; taken < 20; taken++) await iterator.next();
    expect(caughtUp).toEqual([[21, 19]]);
    const empty = new Promise<number>((resolve) => alice.subscribe("acme/team/empty", { from: 1, onCaughtUp: resolve }));
    expect(await empty).toBe(1);
  });

  it("stops in order: what it read is answered, and what it did not is published elsewhere", async () => {
    await using harness = new RelayHarness();
    const alice = await clientOf(harness, "alice");
    await alice.connect();
    const publishing = Promise.allSettled(upTo(500).map((number) => alice.publish(CHANNEL, message(`${number}`))));
    await harness.relay.close();
    const { next } = await harness.logs.log.head(CHANNEL);
    await alice.close();
    const acked = (await publishing).flatMap((one) => (one.status === "fulfilled" ? one.value.sequence : []));
    expect(acked).toEqual(upTo(next - 1));
    expect(harness.relay.counts.streams).toBe(0);
  });
});

describe("a client", () => {
  it.each([
    ["kind", { ...message("x"), kind: "welcome" }],
    ["kind", { ...message("x"), kind: "other" }],
    ["epoch", { ...message("x"), epoch: -1n }],
    ["epoch", { ...message("x"), epoch: 2n ** 64n }],
    ["epoch", { ...message("x"), epoch: 1 }],
    ["payload", { ...message("x"), payload: new Uint8Array() }],
    ["payload", { ...message("x"), payload: "text" }],
    ["key", { ...message("x"), key: new Uint8Array(65) }],
    ["supersedes", { ...message("x"), supersedes: 3 }],
  ])("refuses a message with a wrong %s", async (_what, wrong) => {
    await using harness = new RelayHarness();
    await expect(harness.client("alice").publish(CHANNEL, wrong as never)).rejects.toBeInstanceOf(TypeError);
  });

  it("refuses names, sequences and options that make no sense", async () => {
    await using harness = new RelayHarness();
    const alice = harness.client("alice");
    expect(() => alice.subscribe("", { from: 1 })).toThrow(TypeError);
    expect(() => alice.subscribe("\ud800", { from: 1 })).toThrow(TypeError);
    expect(() => alice.subscribe("x".repeat(513), { from: 1 })).toThrow(TypeError);
    expect(() => alice.subscribe(CHANNEL, { from: 0 })).toThrow(TypeError);
    expect(() => alice.subscribe(CHANNEL, { from: 1, bufferBytes: 0 })).toThrow(TypeError);
    await expect(alice.fetchRange(CHANNEL, { from: 1.5 })).rejects.toBeInstanceOf(TypeError);
    await expect(alice.fetchWelcomes(CHANNEL, [new Uint8Array()])).rejects.toBeInstanceOf(TypeError);
    const token = () => "alice";
    expect(() => new RelayClient({ token })).toThrow(TypeError);
    expect(() => new RelayClient({ token, url: "ftp://relay.example" })).toThrow(TypeError);
    expect(() => new RelayClient({ token, url: "http://localhost:1", limits: { maxInFlight: 0 } })).toThrow(TypeError);
  });

  it("fails immediately without a link if configured, and rejects messages beyond its buffer", async () => {
    await using harness = new RelayHarness();
    const alice = harness.client("alice", { url: "http://127.0.0.1:1", limits: { maxQueued: 2, initialBackoffMs: 10_000 } });
    await expect(alice.publish(CHANNEL, message("x"), { offline: "fail" })).rejects.toMatchObject({ code: "unavailable" });
    const waiting = Promise.allSettled([alice.publish(CHANNEL, message("1")), alice.publish(CHANNEL, message("2"))]);
    await expect(alice.publish(CHANNEL, message("3"))).rejects.toMatchObject({ code: "resource_exhausted", retryable: true });
    await alice.close();
    expect((await waiting).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

it("one publisher reaches a thousand subscribers, each of them with everything in order", async () => {
  await using harness = new RelayHarness({ limits: { maxStreamsPerAccount: 2000 } });
  const readers = upTo(1000).map(() => harness.client("reader").subscribe(CHANNEL, { from: 1, bufferBytes: 3000 }));
  await Promise.all(readers.map((reader) => reader.whenOpen()));
  const alice = harness.client("alice");
  const all = Promise.all(readers.map(async (reader) => sequences(await take(reader[Symbol.asyncIterator](), 60))));
  for (let round = 0; round < 6; round++)
    await Promise.all(upTo(10).map((number) => alice.publish(CHANNEL, message("x".repeat(number * 20)))));
  for (const received of await all) expect(received).toEqual(upTo(60));
  expect(harness.relay.counts).toMatchObject({ streams: 1001, subscriptions: 1000, channels: 1 });
});
