import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

describe("two agents", () => {
  it("create, add, join, and exchange messages", async () => {
    const alice = harness.client("alice");
    const bob = harness.client("bob");
    const atAlice = await alice.createChannel(NAME);
    const welcome = await atAlice.addMember(await bob.generateKeyPackage());
    const atBob = await bob.joinChannel(NAME, welcome);
    await atAlice.send(bytes("Hello, Bob!"));
    expect(await take(atBob, 1)).toEqual(["Hello, Bob!"]);
    await atBob.send(bytes("Hello, Alice!"));
    expect(await take(atAlice, 1)).toEqual(["Hello, Alice!"]);
  });

  it("receive while they send, in one order, without their own messages", async () => {
    const [a, b] = await channelOf(harness.client("alice"), harness.client("bob"));
    if (a === undefined || b === undefined) throw new Error("There are two channels");
    const numbers = Array.from({ length: 50 }, (_, i) => `${i}`);
    const sending = Promise.all(numbers.flatMap((n) => [a.send(bytes(`a${n}`)), b.send(bytes(`b${n}`))]));
    expect(await take(a, 50)).toEqual(numbers.map((n) => `b${n}`));
    expect(await take(b, 50)).toEqual(numbers.map((n) => `a${n}`));
    const sequences = (await sending).map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(100);
  });
});
