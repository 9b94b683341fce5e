import { decodeMessage, encodeMessage, type OutgoingMessage } from "@parley/skytale-relay/internal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel, SkytaleClient, SkytaleClientEvents } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";
import { type Lie, LyingTransport } from "./support/lying-transport.ts";

let harness: Harness;
let transport: LyingTransport;
let skipped: string[];
let errors: string[];
let alice: Channel;
let bob: Channel;
let atBob: SkytaleClient;

const code = (error: Error): string => ("code" in error ? String(error.code) : "");

beforeEach(async () => {
  harness = await Harness.start();
  transport = new LyingTransport(harness.server.relayUrl);
  skipped = [];
  errors = [];
  const events: Partial<SkytaleClientEvents> = {
    onSkipped: (_channel, { error }) => skipped.push(code(error)),
    onError: (_channel, error) => errors.push(code(error)),
  };
  atBob = harness.client("bob", { transport, events });
  [alice, bob] = (await channelOf(harness.client("alice"), atBob)) as [Channel, Channel];
  await bob.caughtUp();
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

/** A lie about application messages alone. */
function aboutMessages(lie: (message: Uint8Array, sequence: number) => readonly Uint8Array[]): Lie {
  return (message, sequence) => (decodeMessage(message).kind === "application" ? lie(message, sequence) : [message]);
}

function withPayload(message: Uint8Array, payload: Uint8Array): Uint8Array {
  const { kind, epoch, key, supersedes } = decodeMessage(message);
  return encodeMessage({ kind: kind as OutgoingMessage["kind"], epoch, key, supersedes, payload, recipients: [] });
}

function flipped(message: Uint8Array): Uint8Array {
  const payload = Uint8Array.from(decodeMessage(message).payload);
  payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
  return withPayload(message, payload);
}

describe("a malicious relay", () => {
  it("replays messages: none is delivered twice", async () => {
    transport.lie = aboutMessages((message) => [message, message, message]);
    await alice.send(bytes("one"));
    await alice.send(bytes("two"));
    expect(await take(bob, 2)).toEqual(["one", "two"]);
    await expect.poll(() => skipped).toEqual(Array.from({ length: 4 }, () => "decryption_failure"));
    expect(errors).toEqual([]);
  });

  it("changes a message: it is skipped, and the next one is delivered", async () => {
    let count = 0;
    transport.lie = aboutMessages((message) => [count++ === 0 ? flipped(message) : message]);
    await alice.send(bytes("one"));
    await alice.send(bytes("two"));
    expect(await take(bob, 1)).toEqual(["two"]);
    expect(skipped).toEqual(["decryption_failure"]);
    expect(errors).toEqual([]);
  });

  it("injects garbage: it is skipped", async () => {
    transport.lie = aboutMessages((message) => [
      withPayload(message, bytes("garbage")),
      withPayload(message, new Uint8Array([0])),
      message,
    ]);
    for (const text of ["one", "two", "three"]) await alice.send(bytes(text));
    expect(await take(bob, 3)).toEqual(["one", "two", "three"]);
    expect(skipped).toHaveLength(6);
    expect(errors).toEqual([]);
  });

  it("reorders messages: all are delivered", async () => {
    const held: Uint8Array[] = [];
    transport.lie = aboutMessages((message) => {
      held.push(message);
      return held.length < 3 ? [] : held.splice(0).toReversed();
    });
    for (const text of ["one", "two", "three"]) await alice.send(bytes(text));
    expect(await take(bob, 3)).toEqual(["three", "two", "one"]);
    expect(errors).toEqual([]);
  });

  it("drops a commit: undecryptable messages are reported as a fork", async () => {
    transport.lie = (message) => (decodeMessage(message).kind === "commit" ? [] : [message]);
    await alice.rotateKey();
    for (const text of ["one", "two", "three", "four"]) await alice.send(bytes(text));
    await expect.poll(() => errors).toEqual(["fork"]);
    await expect.poll(() => skipped).toEqual(Array.from({ length: 4 }, () => "epoch_mismatch"));
    expect(bob.isActive).toBe(true);
    expect(bob.epoch).toBe(1n);
  });

  it("replays an old commit: it is ignored", async () => {
    let first: Uint8Array | undefined;
    transport.lie = (message) => {
      if (decodeMessage(message).kind !== "commit") return [message];
      first ??= message;
      return [message, first];
    };
    await alice.rotateKey();
    await alice.rotateKey();
    await alice.send(bytes("still one"));
    expect(await take(bob, 1)).toEqual(["still one"]);
    expect(bob.epoch).toBe(alice.epoch);
    expect(errors).toEqual([]);
  });

  it("replaces a sent message: the sender reports a fork", async () => {
    transport.lie = aboutMessages((message) => [flipped(message)]);
    await bob.send(bytes("mine"));
    await expect.poll(() => errors).toEqual(["fork"]);
  });

  it("shows two members different commits of an epoch: both report a fork", async () => {
    const errorsAtAlice: string[] = [];
    const other = new LyingTransport(harness.server.relayUrl);
    const carol = harness.client("carol", { transport: other, events: { onError: (_channel, error) => errorsAtAlice.push(code(error)) } });
    const atCarol = await carol.joinChannel(NAME, await alice.addMember(await carol.generateKeyPackage()), { updateKeys: false });
    await expect.poll(() => bob.epoch).toBe(2n);
    // Bob never sees Alice's commit; the relay lets his own through as if it were the first.
    transport.lie = (message) => (decodeMessage(message).kind === "commit" ? [] : [message]);
    await alice.rotateKey();
    await expect.poll(() => atCarol.epoch).toBe(3n);
    transport.lie = (message) => [message];
    for (const text of ["one", "two", "three"]) await bob.send(bytes(text));
    for (const text of ["one", "two", "three"]) await alice.send(bytes(text));
    await expect.poll(() => errors).toContain("fork");
    // Bob's messages are of an epoch that the others still read.
    expect(await take(atCarol, 6)).toHaveLength(6);
  });

  it("does not damage the stored state: an honest relay delivers all messages after a restart", async () => {
    transport.lie = aboutMessages((message) => [flipped(message), message, withPayload(message, bytes("garbage"))]);
    await alice.send(bytes("one"));
    await expect.poll(() => skipped).toEqual(["decryption_failure", "mls_error"]);
    await atBob.close();
    await alice.rotateKey();
    await alice.send(bytes("two"));
    const again = await harness.client("bob").openChannel(NAME);
    expect(await take(again, 2)).toEqual(["one", "two"]);
  });
});
