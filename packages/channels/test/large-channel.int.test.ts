import { memoryStore } from "@parley/mls-engine";
import { gateOrSoak } from "@parley/test-assertions";
import { expect, it } from "vitest";
import type { Channel, SkytaleClient } from "../src/index.ts";
import { bytes, channelOf, Harness, take } from "./support/harness.ts";

const MEMBERS = gateOrSoak(40, 200);

it(`holds ${MEMBERS} members, who receive each other's messages and changes`, { timeout: gateOrSoak(180_000, 600_000) }, async () => {
  await using harness = await Harness.start();
  const wrong: unknown[] = [];
  const events = {
    onError: (_channel: string, error: Error) => wrong.push(error),
    onSkipped: (_channel: string, entry: object) => wrong.push(entry),
  };
  const clients = Array.from({ length: MEMBERS }, (_, i) => harness.client(`agent ${i}`, { store: memoryStore(), events }));
  const [first, ...others] = (await channelOf(...(clients as [SkytaleClient, ...SkytaleClient[]]))) as [Channel, ...Channel[]];
  await first.send(bytes("hello, all"));
  await Promise.all(others.map(async (channel) => expect(await take(channel, 1)).toEqual(["hello, all"])));
  await others.at(-1)?.send(bytes("hello, first"));
  expect(await take(first, 1)).toEqual(["hello, first"]);
  await first.removeMember("agent 7");
  const staying = [first, ...others].filter((_channel, i) => i !== 7);
  await expect.poll(() => staying.every((channel) => channel.members.length === MEMBERS - 1)).toBe(true);
  await expect.poll(() => others[6]?.isActive).toBe(false);
  expect(wrong).toEqual([expect.objectContaining({ code: "removed" })]);
});
