import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeEvicted } from "@parley/skytale-relay/internal";
import type { Channel, SkippedEntry, SkytaleChannelManager, SkytaleClientEvents } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";
import { LyingTransport } from "./support/lying-transport.ts";
import { Managers } from "./support/managers.ts";

const MAX = 60;
const TOGETHER = 10;
/** After two joins, and an update by each joiner. */
const EPOCH = 4n;
/** Messages of one sender that a member can be without before it cannot read the next one of the same epoch. */
const MAX_MISSING = 1000;

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : error);

describe("a member that was offline while another account flooded the channel", () => {
  let managers: Managers;
  let alice: SkytaleChannelManager;
  let bob: SkytaleChannelManager;
  let mallory: SkytaleChannelManager;
  let skipped: SkippedEntry[];
  let errors: unknown[];
  let epoch: bigint;
  const events: Partial<SkytaleClientEvents> = {
    onMembersChanged: (_channel, changes) => (epoch = changes.epoch),
    onSkipped: (_channel, entry) => skipped.push(entry),
    onError: (_channel, error) => errors.push(codeOf(error)),
  };

  /** Bob's manager, with the directory and the account of the first one. */
  let startBob: () => SkytaleChannelManager;

  beforeEach(async () => {
    managers = await Managers.start({ retention: { maxEntries: MAX } });
    const [bobsKey, mallorysKey] = [await managers.account("bob"), await managers.account("mallory")];
    skipped = [];
    errors = [];
    epoch = 0n;
    startBob = () => managers.of("bob", { apiKey: bobsKey, events });
    alice = managers.of("alice");
    mallory = managers.of("mallory", { apiKey: mallorysKey });
    bob = startBob();
    await alice.create(NAME);
    for (const joiner of [bob, mallory]) await joiner.joinWithToken(NAME, await alice.invite(NAME));
    // Both joiners have replaced their keys: no commit begins another epoch during the flood.
    await expect.poll(() => epoch, { timeout: 60_000 }).toBe(EPOCH);
  });

  afterEach(() => managers[Symbol.asyncDispose]());

  async function flood(count: number, prefix: string): Promise<string[]> {
    const texts = Array.from({ length: count }, (_, index) => `${prefix} ${index}`);
    // A few at a time: those that are recorded together are evicted together.
    for (let at = 0; at < count; at += TOGETHER) await Promise.all(texts.slice(at, at + TOGETHER).map((text) => mallory.send(NAME, text)));
    return texts;
  }

  it("receives the others' messages and the latest of the flood, and continues to receive and to send", async () => {
    await bob.close();
    for (const text of ["one", "two"]) await alice.send(NAME, text);
    const first = await flood(MAX, "first");
    await managers.harness.restart();
    await alice.send(NAME, "three");
    const second = await flood(MAX, "second");
    bob = startBob();
    await bob.open(NAME);
    const received = await bob.receive(NAME, { timeoutMs: 60_000 });
    expect(received.filter((text) => !text.startsWith("first") && !text.startsWith("second"))).toEqual(["one", "two", "three"]);
    const flooded = received.filter((text) => text.startsWith("first") || text.startsWith("second"));
    expect(flooded.length).toBeGreaterThan(MAX / 2);
    expect(flooded).toEqual([...first, ...second].slice(-flooded.length));
    expect(skipped.map(({ error }) => codeOf(error))).toEqual(skipped.map(() => "log_lost"));
    expect(skipped.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(2 * MAX - flooded.length);
    expect(errors).toEqual([]);

    await bob.send(NAME, "from bob");
    expect(await alice.receive(NAME, { timeoutMs: 60_000 })).toContain("from bob");
    await alice.send(NAME, "four");
    expect(await bob.receive(NAME, { timeoutMs: 60_000 })).toEqual(["four"]);
    await bob.close();
    bob = startBob();
    await bob.open(NAME);
    await alice.send(NAME, "five");
    expect(await bob.receive(NAME, { timeoutMs: 60_000 })).toEqual(["five"]);
    expect(errors).toEqual([]);
  });

  it(
    "reads the flooding sender again in the next epoch, however many of its messages are missing, and suspects no fork",
    { timeout: 180_000 },
    async () => {
      await bob.close();
      await alice.send(NAME, "one");
      await flood(MAX_MISSING + 2 * MAX, "flood");
      bob = startBob();
      await bob.open(NAME);
      expect(await bob.receive(NAME, { timeoutMs: 60_000 })).toEqual(["one"]);
      expect(errors).toEqual([]);
      // Bob has replaced its keys, because the missing messages may have been its own.
      await bob.send(NAME, "from bob");
      expect(await mallory.receive(NAME, { timeoutMs: 60_000 })).toContain("from bob");
      await mallory.send(NAME, "readable");
      expect(await bob.receive(NAME, { timeoutMs: 60_000 })).toContain("readable");
    },
  );
});

describe("a relay that claims to have evicted a message", () => {
  let harness: Harness;
  let transport: LyingTransport;
  let skipped: SkippedEntry[];
  let errors: unknown[];
  let alice: Channel;
  let bob: Channel;

  beforeEach(async () => {
    harness = await Harness.start();
    transport = new LyingTransport(harness.server.relayUrl);
    skipped = [];
    errors = [];
    const events: Partial<SkytaleClientEvents> = {
      onSkipped: (_channel, entry) => skipped.push(entry),
      onError: (_channel, error) => errors.push(codeOf(error)),
    };
    [alice, bob] = (await channelOf(harness.client("alice"), harness.client("bob", { transport, events }))) as [Channel, Channel];
    await bob.caughtUp();
  });

  afterEach(async () => {
    await harness[Symbol.asyncDispose]();
  });

  it("makes the member skip it, which is reported, and receive the next one", async () => {
    let count = 0;
    transport.lie = (message) => (count++ === 0 ? [encodeEvicted(1)] : [message]);
    await alice.send(bytes("one"));
    await alice.send(bytes("two"));
    expect(await take(bob, 1)).toEqual(["two"]);
    expect(skipped).toMatchObject([{ count: 1, error: { code: "log_lost" } }]);
    expect(errors).toEqual([]);
  });

  it("makes its sender report that, and no fork; the sender then sends with new keys", async () => {
    transport.lie = () => [encodeEvicted(1)];
    await bob.send(bytes("mine"));
    await expect.poll(() => skipped).toMatchObject([{ count: 1, error: { code: "log_lost" } }]);
    transport.lie = (message) => [message];
    const { epoch } = bob;
    await bob.send(bytes("again"));
    expect(await take(alice, 2)).toEqual(["mine", "again"]);
    expect(bob.epoch).toBe(epoch + 1n);
    expect(errors).toEqual([]);
  });
});

describe("a send that is acknowledged far ahead of what its sender has read", () => {
  /** Epochs after which a message can still be read. */
  const RETAINED = 8;
  let harness: Harness;
  let transport: LyingTransport;
  let alice: Channel;
  let bob: Channel;
  let errors: unknown[];

  beforeEach(async () => {
    harness = await Harness.start({ retention: { maxEntries: 2 * RETAINED } });
    transport = new LyingTransport(harness.server.relayUrl);
    // Bob can't know in which epoch of the log the relay has recorded his message.
    transport.hidesEpochs = true;
    errors = [];
    const events: Partial<SkytaleClientEvents> = { onError: (_channel, error) => errors.push(codeOf(error)) };
    [alice, bob] = (await channelOf(harness.client("alice"), harness.client("bob", { transport, events }))) as [Channel, Channel];
    await bob.caughtUp();
    transport.holdDeliveries();
  });

  afterEach(() => harness[Symbol.asyncDispose]());

  /** Bob sends a message that is recorded right after one of Alice, which she has sent after others that Bob has not read. */
  async function sendUnread(): Promise<{ readonly sending: Promise<{ readonly sequence: number }>; readonly recordedAs: number }> {
    const { sequence } = await alice.send(bytes("before"));
    const { acknowledged } = transport;
    const sending = bob.send(bytes("mine"));
    await expect.poll(() => [transport.heldUntil, transport.acknowledged], { timeout: 60_000 }).toEqual([sequence + 2, acknowledged + 1]);
    return { sending, recordedAs: sequence + 1 };
  }

  it("is repeated in the current epoch if its message was too late and evicted: members receive it once", async () => {
    for (let done = 0; done <= RETAINED; done++) await alice.rotateKey();
    const { sending, recordedAs } = await sendUnread();
    transport.lie = (message, sequence) => [sequence === recordedAs ? encodeEvicted(1) : message];
    transport.deliver();
    expect((await sending).sequence).toBeGreaterThan(recordedAs);
    await bob.send(bytes("end"));
    expect(await take(alice, 2)).toEqual(["mine", "end"]);
    expect(errors).toEqual([]);
  });

  it("succeeds if its message was in time and evicted: members receive it once", async () => {
    for (let done = 0; done <= RETAINED; done++) await alice.send(bytes("more"));
    const { sending, recordedAs } = await sendUnread();
    transport.lie = (message, sequence) => [sequence === recordedAs ? encodeEvicted(1) : message];
    transport.deliver();
    expect(await sending).toMatchObject({ sequence: recordedAs });
    await bob.send(bytes("end"));
    expect(await take(alice, 2)).toEqual(["mine", "end"]);
    expect(errors).toEqual([]);
  });

  it("succeeds, and does not wait forever, if its message was removed with the front of the log", async () => {
    for (let done = 0; done <= RETAINED; done++) await alice.send(bytes("more"));
    const { sending, recordedAs } = await sendUnread();
    // All entries are of one account: the front goes.
    for (let done = 0; done < 2 * RETAINED; done++) await alice.send(bytes("more"));
    transport.lose();
    expect(await sending).toMatchObject({ sequence: recordedAs });
    await bob.send(bytes("end"));
    expect(await take(alice, 2)).toEqual(["mine", "end"]);
    expect(errors).toEqual(["log_lost"]);
  });
});
