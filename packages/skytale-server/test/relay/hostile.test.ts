import { contract } from "@parley/skytale-relay/internal";
import fc from "fast-check";
import { gateOrSoak, stopClock } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { CHANNEL, message, payload, RelayHarness } from "./relay-harness.ts";
import { encoded, RawStream } from "./raw-stream.ts";

const { INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED } = contract.Code;

/** The relay still serves others. */
async function expectAlive(harness: RelayHarness): Promise<void> {
  await harness.client("somebody").publish("acme/team/elsewhere", message("still there"));
  expect(harness.failures).toEqual([]);
}

describe("a relay ends only the stream that sends", () => {
  it.each<[string, (raw: RawStream) => void, string]>([
    ["garbage", (raw) => raw.send(Uint8Array.from([0xff, 0xff, 0xff])), "invalid_argument"],
    ["a frame that is cut", (raw) => raw.send(Uint8Array.from([0x2a, 0x7f, 0x0a])), "invalid_argument"],
    ["a frame of too many parts", (raw) => raw.send(Buffer.alloc(100_000, Buffer.from([0x22, 0x00]))), "invalid_argument"],
    ["a frame that is too large", (raw) => raw.send(Buffer.alloc(4 * 1024 * 1024 + 1)), "resource_exhausted"],
    ["subscription 0", (raw) => raw.send({ subscribes: [{ subscription: 0, channel: CHANNEL, from: 1, credit: 1 }] }), "invalid_argument"],
    [
      "one subscription twice",
      (raw) => {
        const subscribe = { subscription: 7, channel: CHANNEL, from: 1, credit: 1 };
        raw.send({ subscribes: [subscribe, subscribe] });
      },
      "invalid_argument",
    ],
    ["a message of number 0", (raw) => raw.publish(CHANNEL, 0, [encoded("x")]), "invalid_argument"],
    ["a token that isn't good", (raw) => raw.send({ token: "nobody" }), "unauthenticated"],
    ["the token of another account", (raw) => raw.send({ token: "mallory" }), "unauthenticated"],
  ])("%s", async (_what, misbehave, code) => {
    await using harness = new RelayHarness();
    const raw = new RawStream(harness.relay);
    await raw.until(({ opened }) => opened !== undefined);
    misbehave(raw);
    expect(await raw.ended()).toMatchObject({ code });
    await expectAlive(harness);
  });

  it("arbitrary bytes", async () => {
    await using harness = new RelayHarness();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 5 }), async (frames) => {
        const raw = new RawStream(harness.relay);
        for (const frame of frames) raw.send(frame);
        raw.send({ ping: 99 });
        // Either it could be read, or it ended the stream.
        await raw.until(({ pong }) => pong === 99).catch(() => raw.ended());
        raw.stream.end();
      }),
      { numRuns: gateOrSoak(100, 2000) },
    );
    await expectAlive(harness);
  });
});

describe("a message is refused, and the others aren't, with", () => {
  it.each<[string, Uint8Array]>([
    ["no bytes that can be read", Uint8Array.from([0xff])],
    ["nothing in it", new Uint8Array()],
    ["no kind", encoded("x").subarray(2)],
    ["an unknown kind", Buffer.concat([encoded("x"), Buffer.from([0x08, 0x63])])],
    ["no payload", encoded("")],
    ["no key", encoded("x", { key: new Uint8Array() })],
    ["a long key", encoded("x", { key: new Uint8Array(65) })],
    ["supersedes, and no commit", encoded("x", { supersedes: 3 })],
    ["recipients, and no welcome", encoded("x", { recipients: [payload("bob")] })],
    ["a Welcome without recipients", encoded("x", { kind: "welcome" })],
    ["a welcome for a long name", encoded("x", { kind: "welcome", recipients: [new Uint8Array(65)] })],
    ["a payload that is too large", encoded("x", { payload: new Uint8Array(1024 * 1024 + 1) })],
    ["much that is unknown here", Buffer.concat([encoded("x"), Buffer.from([0x52, 0x88, 0x27]), Buffer.alloc(5000)])],
  ])("%s", async (_what, bad) => {
    await using harness = new RelayHarness();
    const raw = new RawStream(harness.relay);
    raw.publish(CHANNEL, 1, [encoded("before"), bad, encoded("after")]);
    const { nacks } = await raw.until(({ nacks }) => nacks.length > 0);
    expect(nacks).toMatchObject([{ number: 2, code: INVALID_ARGUMENT }]);
    await raw.until(({ acks }) => acks.some(({ firstNumber }) => firstNumber === 3));
    expect(await harness.logs.log.head(CHANNEL)).toEqual({ first: 1, next: 3 });
  });

  it.each(["", "x".repeat(513), "acme/team\0/general"])("channel %j", async (channel) => {
    await using harness = new RelayHarness();
    const raw = new RawStream(harness.relay);
    raw.publish(channel, 1, [encoded("a"), encoded("b")]);
    const { nacks } = await raw.until(({ nacks }) => nacks.length > 1);
    expect(nacks.map(({ number, code }) => [number, code])).toEqual([
      [1, INVALID_ARGUMENT],
      [2, INVALID_ARGUMENT],
    ]);
    raw.send({ subscribes: [{ subscription: 1, channel, from: 1, credit: 1 }] });
    expect((await raw.until(({ ended }) => ended.length > 0)).ended).toEqual([{ subscription: 1, code: INVALID_ARGUMENT, first: 0 }]);
  });
});

describe("limits", () => {
  it("on streams and subscriptions are enforced, and released when they end", async () => {
    await using harness = new RelayHarness({ limits: { maxStreamsPerAccount: 2, maxStreams: 3, maxSubscriptions: 2 } });
    const raws = [new RawStream(harness.relay), new RawStream(harness.relay)];
    for (const raw of raws) await raw.until(({ opened }) => opened !== undefined);
    expect(await new RawStream(harness.relay).ended()).toMatchObject({ code: "resource_exhausted" });
    await new RawStream(harness.relay, "bob").until(({ opened }) => opened !== undefined);
    expect(await new RawStream(harness.relay, "carol").ended()).toMatchObject({ code: "resource_exhausted" });
    raws[0]?.stream.end();
    const again = new RawStream(harness.relay);
    await again.until(({ opened }) => opened !== undefined);

    const subscribe = (subscription: number) => ({ subscription, channel: `acme/team/c${subscription}`, from: 1, credit: 1 });
    again.send({ subscribes: [subscribe(1), subscribe(2), subscribe(3)] });
    expect((await again.until(({ ended }) => ended.length > 0)).ended).toEqual([{ subscription: 3, code: RESOURCE_EXHAUSTED, first: 0 }]);
    again.send({ unsubscribes: [1], subscribes: [] });
    again.send({ subscribes: [subscribe(4)] });
    await again.until(({ subscribed }) => subscribed.some(({ subscription }) => subscription === 4));
    expect(harness.relay.counts).toMatchObject({ streams: 3, subscriptions: 2, channels: 2 });
  });

  it("on unary calls are enforced", async () => {
    stopClock();
    await using harness = new RelayHarness({ limits: { callsPerSecond: 3 } });
    const alice = harness.client("alice");
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => alice.heads([CHANNEL])));
    const refused = answers.filter((answer) => answer.status === "rejected");
    expect(refused).toHaveLength(17);
    expect(refused[0]?.reason).toMatchObject({ code: "resource_exhausted", retryable: true });
  });

  it("on the rate of publishes slow the sender down, and lose no message", async () => {
    await using harness = new RelayHarness({ limits: { messagesPerSecond: 1000, maxInFlightBytes: 1000 } });
    const flood = harness.client("mallory");
    const other = harness.client("alice");
    const flooding = Promise.all(Array.from({ length: 1500 }, (_, index) => flood.publish(CHANNEL, message(`${index}`))));
    expect(await other.publish("acme/team/quiet", message("x"))).toEqual({ sequence: 1 });
    const published = await flooding;
    expect(published.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1500 }, (_, index) => index + 1));
  });

  it("on welcomes are enforced, and the sender retries until there is capacity", async () => {
    await using harness = new RelayHarness({ logs: { welcomes: { limits: { maxPerChannel: 1 } } } });
    const alice = harness.client("alice");
    const [bob, carol] = [payload("bob"), payload("carol")];
    await alice.publishWelcome(CHANNEL, { recipients: [bob], payload: payload("for bob") });
    const waiting = alice.publishWelcome(CHANNEL, { recipients: [carol], payload: payload("for carol") });
    await alice.ackWelcomes(CHANNEL, await alice.fetchWelcomes(CHANNEL, [bob]));
    await waiting;
    expect(await alice.fetchWelcomes(CHANNEL, [carol])).toHaveLength(1);
  });

  it("on the contents of calls are enforced", async () => {
    await using harness = new RelayHarness();
    const alice = harness.client("alice");
    const invalid = { code: "invalid_argument" };
    await expect(alice.heads(Array.from({ length: 257 }, (_, index) => `c${index}`))).rejects.toMatchObject(invalid);
    await expect(
      alice.fetchWelcomes(
        CHANNEL,
        Array.from({ length: 17 }, (_, index) => payload(`${index}`)),
      ),
    ).rejects.toMatchObject(invalid);
    const signal = new AbortController().signal;
    for (const method of ["FetchRange", "GetHeads", "FetchWelcomes", "AckWelcomes"] as const) {
      const call = harness.relay.call(method, Uint8Array.from([0xff]), { token: "alice", signal });
      await expect(call).rejects.toMatchObject(invalid);
    }
  });
});

it("a failed append is reported to the observer, and to the publisher, which retries", async () => {
  await using harness = new RelayHarness();
  const { log } = harness.logs;
  const append = log.append.bind(log);
  let failures = 2;
  log.append = (...given) => (failures-- > 0 ? Promise.reject(new Error("the disk is full")) : append(...given));
  expect(await harness.client("alice").publish(CHANNEL, message("x"))).toEqual({ sequence: 1 });
  expect(harness.failures.map(String)).toEqual(["Error: the disk is full", "Error: the disk is full"]);
});

it("a failed access decision denies access and keeps the stream open", async () => {
  await using harness = new RelayHarness();
  const raw = new RawStream(harness.relay);
  harness.access.canRead = () => Promise.reject(new Error("no registry"));
  harness.access.canPublish = () => {
    throw new Error("no registry");
  };
  raw.send({ subscribes: [{ subscription: 1, channel: CHANNEL, from: 1, credit: 1 }] });
  raw.publish(CHANNEL, 1, [encoded("x")]);
  raw.send({ ping: 3 });
  await raw.until(({ pong }) => pong === 3);
  const codes = raw.frames.flatMap(({ ended, nacks }) => [...ended, ...nacks]).map(({ code }) => code);
  expect(codes).toEqual([contract.Code.INTERNAL, contract.Code.INTERNAL]);
  expect(codes).not.toContain(PERMISSION_DENIED);
  expect(harness.failures).toHaveLength(2);
});
