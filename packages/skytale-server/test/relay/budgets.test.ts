import { contract } from "@parley/skytale-relay/internal";
import { RelayError, type FrameStream } from "@parley/skytale-relay";
import { describe, expect, it } from "vitest";
import { stopClock } from "@parley/test-assertions";
import { encodeClientFrame } from "@parley/skytale-relay/internal";
import { FlushQueue } from "../../src/relay/flush-queue.ts";
import { encoded, RawStream } from "./raw-stream.ts";
import { CHANNEL, message, payload, RelayHarness } from "./relay-harness.ts";

const { INVALID_ARGUMENT, RESOURCE_EXHAUSTED } = contract.Code;

async function opened(harness: RelayHarness, account: string): Promise<RawStream> {
  const raw = new RawStream(harness.relay, account);
  await raw.until((frame) => frame.opened !== undefined);
  return raw;
}

function subscribe(subscription: number, channel = `acme/team/c${subscription}`) {
  return { subscription, channel, from: 1, credit: 1000 };
}

describe("subscriptions", () => {
  it("of one stream are one for each channel, and free again once they end", async () => {
    await using harness = new RelayHarness();
    const raw = await opened(harness, "mallory");
    raw.send({ subscribes: Array.from({ length: 1000 }, (_, index) => subscribe(index + 1, CHANNEL)) });
    await raw.until(({ ended }) => ended.some(({ subscription }) => subscription === 1000));
    const ended = raw.frames.flatMap((frame) => frame.ended);
    expect(new Set(ended.map(({ code }) => code))).toEqual(new Set([INVALID_ARGUMENT]));
    expect(harness.relay.counts).toMatchObject({ streams: 1, subscriptions: 1, channels: 1 });
    raw.send({ unsubscribes: [1], subscribes: [subscribe(2001, CHANNEL)] });
    await raw.until(({ subscribed }) => subscribed.some(({ subscription }) => subscription === 2001));
  });

  it("of one account are limited over all its streams, and leave room for others", async () => {
    await using harness = new RelayHarness({ limits: { maxSubscriptionsPerAccount: 3 } });
    const [first, second] = [await opened(harness, "mallory"), await opened(harness, "mallory")];
    first.send({ subscribes: [subscribe(1), subscribe(2)] });
    await first.until(({ subscribed }) => subscribed.some(({ subscription }) => subscription === 2));
    second.send({ subscribes: [subscribe(3), subscribe(4)] });
    expect((await second.until(({ ended }) => ended.length > 0)).ended).toEqual([{ subscription: 4, code: RESOURCE_EXHAUSTED, first: 0 }]);
    await harness.client("alice").subscribe("acme/team/c4", { from: 1 }).whenOpen();
    first.stream.end();
    await expect.poll(() => harness.relay.counts.streams).toBe(2);
    second.send({ subscribes: [subscribe(5), subscribe(6)] });
    await second.until(({ subscribed }) => subscribed.some(({ subscription }) => subscription === 6));
  });

  it("are checked once for each account and channel, however many streams hold them", async () => {
    await using harness = new RelayHarness({ limits: { accessCheckMs: 20 } });
    const asked: string[] = [];
    const { canRead } = harness.access;
    for (let stream = 0; stream < 30; stream++) {
      const raw = await opened(harness, "alice");
      raw.send({ subscribes: [subscribe(1), subscribe(2)] });
      await raw.until(({ subscribed }) => subscribed.some(({ subscription }) => subscription === 2));
    }
    let rounds = 0;
    harness.access.isRevoked = () => (rounds++, false);
    harness.access.canRead = (principal, channel) => (asked.push(channel), canRead.call(harness.access, principal, channel));
    await expect.poll(() => rounds).toBeGreaterThan(2);
    expect(asked.length).toBeLessThanOrEqual(2 * rounds);
  });
});

describe("work that an account causes", () => {
  it("is done at its rate: another account's calls are answered while one account floods the relay with subscriptions it has no right to", async () => {
    await using harness = new RelayHarness({ limits: { workPerSecond: 10 } });
    let asked = 0;
    harness.access.canRead = ({ accountId }) => {
      if (accountId === "mallory") asked++;
      return Promise.resolve(accountId !== "mallory");
    };
    for (const raw of [await opened(harness, "mallory"), await opened(harness, "mallory")]) {
      raw.send({ subscribes: Array.from({ length: 16_000 }, (_, index) => subscribe(index + 1)) });
    }
    const alice = harness.client("alice");
    await alice.publish(CHANNEL, message("x"));
    expect(await alice.heads([CHANNEL])).toEqual([{ first: 1, next: 2 }]);
    expect(asked).toBeLessThan(100);
  });

  it("counts each channel that is named in a call", async () => {
    stopClock();
    await using harness = new RelayHarness({ limits: { workPerSecond: 64 } });
    const names = Array.from({ length: 100 }, (_, index) => `acme/team/${index}`);
    const mallory = harness.client("mallory");
    await mallory.heads(names);
    await expect(mallory.heads(names)).rejects.toMatchObject({ code: "resource_exhausted", retryable: true });
    await harness.client("alice").heads(names);
  });

  it("is remembered when its streams end", async () => {
    stopClock();
    await using harness = new RelayHarness({ limits: { workPerSecond: 10 } });
    for (let number = 0; number < 5; number++) (await opened(harness, "mallory")).stream.end();
    expect(await new RawStream(harness.relay, "mallory").ended()).toMatchObject({ code: "resource_exhausted" });
    await opened(harness, "alice");
  });
});

describe("commits and proposals of one account", () => {
  it("take a part of the log only: what others have published stays; the owner's, and messages, are not limited", async () => {
    await using harness = new RelayHarness({ retention: { maxEntries: 200 }, logs: { log: { retention: { maxEntries: 200 } } } });
    Object.assign(harness.access, { owns: ({ accountId }: { accountId: string }) => accountId === "alice" });
    const alice = harness.client("alice");
    for (let number = 0; number < 20; number++) await alice.publish(CHANNEL, message(`alice ${number}`));
    const mallory = await opened(harness, "mallory");
    for (let number = 0; number < 25; number++) {
      const kind = number % 2 === 0 ? "commit" : "proposal";
      mallory.publish(
        CHANNEL,
        1 + number * 10,
        Array.from({ length: 10 }, (_, index) => encoded(`${number} ${index}`, { kind, epoch: BigInt(number * 10 + index) })),
      );
    }
    const { nacks } = await mallory.until((frame) => frame.nacks.some(({ number }) => number === 250));
    expect(nacks[0]).toMatchObject({ code: RESOURCE_EXHAUSTED });
    expect((await alice.heads([CHANNEL]))[0]).toEqual({ first: 1, next: 41 });
    mallory.publish(CHANNEL, 251, [encoded("message"), encoded("late commit", { kind: "commit", epoch: 999n }), encoded("second")]);
    const mixed = await mallory.until((frame) => frame.acks.some(({ firstNumber }) => firstNumber === 253));
    expect(mallory.frames.flatMap((frame) => frame.acks).find(({ firstNumber }) => firstNumber === 251)).toMatchObject({ count: 1 });
    expect(mixed.acks.map(({ firstNumber, firstSequence }) => [firstNumber, firstSequence])).toContainEqual([253, 42]);
    for (let number = 0; number < 30; number++) {
      await alice.publish(CHANNEL, { kind: "commit", epoch: BigInt(5000 + number), payload: payload(`commit ${number}`) });
    }
    expect((await alice.heads([CHANNEL]))[0]).toEqual({ first: 1, next: 73 });
  });
});

/** A stream whose client reads nothing. */
class Unread implements FrameStream {
  sentBytes = 0;
  paused = false;
  error: RelayError | undefined;

  send(frame: Uint8Array): boolean {
    this.sentBytes += frame.length;
    return false;
  }

  end(error?: RelayError): void {
    this.error = error;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

describe("answers that a client doesn't read", () => {
  it("end its being read, and are read for again once it has read them", async () => {
    await using harness = new RelayHarness({ limits: { workPerSecond: 1_000_000 } });
    const stream = new Unread();
    const listener = harness.relay.accept("mallory", stream);
    await expect.poll(() => stream.sentBytes).toBeGreaterThan(0);
    let number = 1;
    let frames = 0;
    while (frames < 1000) {
      const messages = Array.from({ length: 100 }, () => payload("garbage"));
      listener.frame(encodeClientFrame({ publishes: [{ channel: CHANNEL, firstNumber: number, messages }] }));
      number += messages.length;
      frames++;
      await new Promise<void>((resolve) => void setImmediate(resolve));
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (stream.paused) break;
    }
    expect(stream.paused).toBe(true);
    expect(stream.sentBytes).toBeLessThan(200_000);
    listener.drained();
    await expect.poll(() => stream.paused).toBe(false);
    listener.ended();
  });

  it("take no more than the account's share over all its streams", async () => {
    await using harness = new RelayHarness({ limits: { workPerSecond: 1_000_000, maxUnreadAnswerBytes: 20_000 } });
    const streams = Array.from({ length: 20 }, () => new Unread());
    const listeners = streams.map((stream) => harness.relay.accept("mallory", stream));
    await expect.poll(() => streams.every(({ sentBytes }) => sentBytes > 0)).toBe(true);
    const messages = Array.from({ length: 500 }, () => payload("garbage"));
    for (const listener of listeners) {
      listener.frame(encodeClientFrame({ publishes: [{ channel: CHANNEL, firstNumber: 1, messages }] }));
    }
    await expect.poll(() => streams.filter(({ paused }) => paused).length).toBeGreaterThan(10);
    await harness.client("alice").publish(CHANNEL, message("x"));
    for (const listener of listeners) listener.ended();
  });
});

it("accounts take turns to be sent what they are to get, however many streams one of them has", async () => {
  const queue = new FlushQueue();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    for (let stream = 0; stream < 1000; stream++) queue.add("mallory", () => order.push("mallory"));
    queue.add("alice", () => order.push("alice"));
    queue.add("bob", () => (order.push("bob"), resolve()));
  });
  expect(order.indexOf("alice")).toBe(1);
  expect(order.indexOf("bob")).toBe(2);
});

describe("welcomes", () => {
  it("are acknowledged only by the account that fetched them first", async () => {
    await using harness = new RelayHarness();
    const [alice, mallory, bob] = ["alice", "mallory", "bob"].map((account) => harness.client(account));
    const recipient = payload("bob's key package");
    await bob!.fetchWelcomes(CHANNEL, [recipient]);
    await alice!.publishWelcome(CHANNEL, { recipients: [recipient], payload: payload("welcome") });
    const stolen = await mallory!.fetchWelcomes(CHANNEL, [recipient]);
    await expect(mallory!.ackWelcomes(CHANNEL, stolen)).rejects.toMatchObject({ code: "permission_denied" });
    const own = await bob!.fetchWelcomes(CHANNEL, [recipient]);
    expect(own).toHaveLength(1);
    await bob!.ackWelcomes(CHANNEL, own);
    expect(await bob!.fetchWelcomes(CHANNEL, [recipient])).toEqual([]);
  });

  it("of one account leave room for those of others", async () => {
    await using harness = new RelayHarness({ logs: { welcomes: { limits: { maxPerChannel: 16 } } } });
    const raw = await opened(harness, "mallory");
    const welcomes = Array.from({ length: 20 }, (_, index) =>
      encoded("", { kind: "welcome", payload: payload(`w${index}`), recipients: [payload(`r${index}`)] }),
    );
    raw.publish(CHANNEL, 1, welcomes);
    await raw.until(({ nacks }) => nacks.some(({ number }) => number === 20));
    expect(raw.frames.flatMap(({ nacks }) => nacks)).toHaveLength(12);
    await harness.client("alice").publishWelcome(CHANNEL, { recipients: [payload("r")], payload: payload("welcome") });
  });
});
