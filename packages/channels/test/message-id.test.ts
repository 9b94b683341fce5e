import { afterEach, beforeEach, expect, it } from "vitest";
import type { Channel, ChannelMessage, SkytaleClient } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME } from "./support/harness.ts";

let harness: Harness;
let bobsClient: SkytaleClient;
let alice: Channel;
let bob: Channel;
let carol: Channel;

beforeEach(async () => {
  harness = await Harness.start();
  bobsClient = harness.client("bob");
  [alice, bob, carol] = (await channelOf(harness.client("alice"), bobsClient, harness.client("carol"))) as [Channel, Channel, Channel];
});

afterEach(() => harness[Symbol.asyncDispose]());

/** The next messages, which are settled when the iteration ends. */
async function next(channel: Channel, count: number): Promise<ChannelMessage[]> {
  const messages: ChannelMessage[] = [];
  for await (const message of channel.messages()) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

it("a message has one id for all members, which no other message has", async () => {
  await alice.send(bytes("same"));
  await alice.send(bytes("same"));
  const ids = (await next(bob, 2)).map(({ id }) => id);
  expect((await next(carol, 2)).map(({ id }) => id)).toEqual(ids);
  expect(new Set(ids).size).toBe(2);
});

it("a message redelivered after a restart has the same id", async () => {
  await alice.send(bytes("a"));
  const iterator = bob.messages();
  const first = await iterator.next();
  await bobsClient.close();
  bobsClient = harness.client("bob");
  bob = await bobsClient.openChannel(NAME);
  expect(await next(bob, 1)).toEqual([first.value]);
});
