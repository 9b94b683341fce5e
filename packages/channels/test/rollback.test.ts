import { cp, open, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel, SkytaleClient, SkytaleClientEvents } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";

let harness: Harness;
let client: SkytaleClient;
let channel: Channel;
/** Another member, which reads everything. */
let reader: Channel;
let skipped: string[];
let errors: string[];
let warnings: string[];

const code = (error: Error): string => ("code" in error ? String(error.code) : "");
const settings = (): { readonly events: Partial<SkytaleClientEvents>; readonly onWarning: (warning: string) => void } => ({
  events: { onError: (_channel, error) => errors.push(code(error)) },
  onWarning: (warning) => warnings.push(warning),
});

beforeEach(async () => {
  harness = await Harness.start();
  skipped = [];
  errors = [];
  warnings = [];
  client = harness.client("agent", settings());
  const events: Partial<SkytaleClientEvents> = { onSkipped: (_channel, { error }) => skipped.push(code(error)) };
  [channel, reader] = (await channelOf(client, harness.client("reader", { events }))) as [Channel, Channel];
});

afterEach(async () => {
  // A key that is used twice is rejected by the reader.
  expect(skipped).toEqual([]);
  await harness[Symbol.asyncDispose]();
});

const directory = (): string => join(harness.directory, "agent");

async function reopen(): Promise<void> {
  client = harness.client("agent", settings());
  channel = await client.openChannel(NAME);
}

/** All but the lock, which is a socket. */
function copyData(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, filter: (path) => !basename(path).startsWith("lock.") });
}

async function backUp(): Promise<() => Promise<void>> {
  await client.close();
  await copyData(directory(), `${directory()}-copy`);
  await reopen();
  return async () => {
    await client.close();
    await rm(directory(), { recursive: true });
    await copyData(`${directory()}-copy`, directory());
    await reopen();
  };
}

async function send(count: number, prefix: string, to: Channel = channel): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, at) => `${prefix} ${at}`);
  await Promise.all(texts.map((text) => to.send(bytes(text))));
  return texts;
}

/** The log of the group: the largest file. */
async function groupLog(): Promise<string> {
  const paths = (await readdir(directory())).filter((name) => name.endsWith(".log")).map((name) => join(directory(), name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return paths[sizes.indexOf(Math.max(...sizes))] ?? "";
}

describe("an older copy of the data directory", () => {
  it("is detected by the relay's log, and uses no key twice", async () => {
    const restore = await backUp();
    const first = await send(40, "before");
    expect(await take(reader, 40)).toEqual(first);
    await restore();
    const second = await send(40, "after");
    expect(await take(reader, 40)).toEqual(second);
    expect(errors).toEqual(["rolled_back"]);
    expect(channel.epoch).toBeGreaterThan(1n);
    expect(reader.epoch).toBe(channel.epoch);
  });

  it("is detected if others have changed the group since", async () => {
    const restore = await backUp();
    await reader.rotateKey();
    await channel.caughtUp();
    const first = await send(3, "before");
    expect(await take(reader, 3)).toEqual(first);
    await restore();
    const second = await send(3, "after");
    expect(await take(reader, 3)).toEqual(second);
    expect(errors).toEqual(["rolled_back"]);
  });

  it("is detected even if the inbox is full", async () => {
    await client.close();
    client = harness.client("agent", { ...settings(), limits: { maxMessages: 2 } });
    channel = await client.openChannel(NAME);
    const restore = await backUp();
    const first = await send(3, "before");
    expect(await take(reader, 3)).toEqual(first);
    await restore();
    await client.close();
    await send(5, "waits", reader);
    await copyData(`${directory()}-copy`, directory());
    client = harness.client("agent", { ...settings(), limits: { maxMessages: 1 } });
    channel = await client.openChannel(NAME);
    await expect(channel.send(bytes("too early"))).rejects.toMatchObject({ code: "inbox_full" });
    expect(errors).toContain("rolled_back");
    await take(channel, 5);
    await channel.send(bytes("now"));
    expect(await take(reader, 1)).toEqual(["now"]);
  });

  it("that lacks a commit of this agent ends the channel; the agent can join again", async () => {
    const restore = await backUp();
    await channel.rotateKey();
    await reader.caughtUp();
    await restore();
    await expect(channel.caughtUp().then(() => channel.send(bytes("lost")))).rejects.toMatchObject({ name: "ChannelError" });
    await expect(channel.rotateKey()).rejects.toMatchObject({ name: "ChannelError", code: "rolled_back" });
    expect(reader.members).toHaveLength(2);
    await reader.removeMember("agent");
    const welcome = await reader.addMember(await client.generateKeyPackage());
    await client.forgetChannel(NAME);
    channel = await client.joinChannel(NAME, welcome);
    await channel.send(bytes("again"));
    expect(await take(reader, 1)).toEqual(["again"]);
  });

  it("taken from a running process does not supersede a commit of its own that cannot be verified", async () => {
    await copyData(directory(), `${directory()}-copy`);
    await channel.rotateKey();
    await reader.caughtUp();
    await client.close();
    await rm(directory(), { recursive: true });
    await copyData(`${directory()}-copy`, directory());
    await reopen();
    await expect(channel.rotateKey()).rejects.toMatchObject({ name: "ChannelError", code: "rolled_back" });
    expect(reader.epoch).toBe(2n);
    await reader.send(bytes("goes on"));
  });

  it("is not reported after a normal restart", async () => {
    const first = await send(40, "before");
    await client.close();
    await reopen();
    const second = await send(40, "after");
    expect(await take(reader, 80)).toEqual([...first, ...second]);
    expect([errors, warnings]).toEqual([[], []]);
    expect(channel.epoch).toBe(1n);
  });
});

describe("a truncated data directory", () => {
  it("replaces its keys before it sends", async () => {
    const first = await send(40, "before");
    await client.close();
    const log = await groupLog();
    await truncate(log, (await stat(log)).size - 1);
    await reopen();
    const second = await send(40, "after");
    expect(await take(reader, 80)).toEqual([...first, ...second]);
    expect(warnings).toEqual([expect.stringMatching(/^the data of acme\/team\/general has lost its end/)]);
    expect(channel.epoch).toBe(2n);
  });

  it("does not replace a damaged identity by a new one", async () => {
    await client.close();
    const logs = (await readdir(directory())).filter((name) => name.endsWith(".log"));
    for (const name of logs) {
      const path = join(directory(), name);
      const bytesOfFile = await readFile(path);
      if (!bytesOfFile.includes("channels/identity-key")) continue;
      await using file = await open(path, "r+");
      await file.truncate(bytesOfFile.length - 1);
    }
    client = harness.client("agent", settings());
    await expect(client.open()).rejects.toMatchObject({ code: "channel_error", cause: { code: "damaged" } });
    await expect(client.open()).rejects.toMatchObject({ code: "channel_error", cause: { code: "damaged" } });
  });
});
