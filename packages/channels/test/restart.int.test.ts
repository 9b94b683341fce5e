import { cp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { deferred } from "@parley/core/internal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMlsEngine, type MlsEngine, unsafeAcceptAnyCredential } from "@parley/mls-engine";
import { openFileStore } from "@parley/mls-engine/node";
import { newGroupId } from "../src/channel-name.ts";
import { loadIdentityKey } from "../src/identity-key.ts";
import { decodeWelcome } from "../src/welcome-bundle.ts";
import { type Channel, SkytaleClient } from "../src/index.ts";
import { LyingTransport } from "./support/lying-transport.ts";
import { bytes, channelOf, Harness, NAME, take, text } from "./support/harness.ts";

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

describe("an agent that comes back", () => {
  it("receives unsettled messages first, then those it missed", async () => {
    const bob = harness.client("bob");
    const [a, b] = (await channelOf(harness.client("alice"), bob)) as [Channel, Channel];
    await a.send(bytes("one"));
    await a.send(bytes("two"));
    const messages = b.messages();
    expect(text((await messages.next()).value ?? { data: bytes("") })).toBe("one");
    await b.caughtUp();
    await bob.close();
    await a.send(bytes("three"));
    const again = await harness.client("bob").openChannel(NAME);
    expect(await take(again, 3)).toEqual(["one", "two", "three"]);
  });

  it("does not receive settled messages again", async () => {
    const bob = harness.client("bob");
    const [a, b] = (await channelOf(harness.client("alice"), bob)) as [Channel, Channel];
    for (const message of ["one", "two"]) await a.send(bytes(message));
    expect(await take(b, 2)).toEqual(["one", "two"]);
    await bob.close();
    await a.send(bytes("three"));
    expect(await take(await harness.client("bob").openChannel(NAME), 1)).toEqual(["three"]);
  });

  it("catches up through many changes", async () => {
    const bob = harness.client("bob");
    const [a] = (await channelOf(harness.client("alice"), bob)) as [Channel];
    await bob.close();
    const expected: string[] = [];
    for (let i = 0; i < 30; i++) {
      await a.rotateKey();
      await a.send(bytes(`${i}`));
      expected.push(`${i}`);
    }
    const b = await harness.client("bob").openChannel(NAME);
    expect(await take(b, 30)).toEqual(expected);
    expect(b.epoch).toBe(a.epoch);
    await b.send(bytes("back"));
    expect(await take(a, 1)).toEqual(["back"]);
  });

  it("returns the same channel for repeated calls", async () => {
    const alice = harness.client("alice");
    const [a] = (await channelOf(alice)) as [Channel];
    expect(await alice.openChannel(NAME)).toBe(a);
    await a.close();
    const [first, second] = await Promise.all([alice.openChannel(NAME), alice.openChannel(NAME)]);
    expect(first).toBe(second);
    expect(first).not.toBe(a);
  });

  it("detects that it was removed while offline", async () => {
    const bob = harness.client("bob");
    const [a] = (await channelOf(harness.client("alice"), bob)) as [Channel];
    await bob.close();
    await a.send(bytes("last words"));
    await a.removeMember("bob");
    const b = await harness.client("bob").openChannel(NAME);
    const messages = b.messages();
    expect(text((await messages.next()).value ?? { data: bytes("") })).toBe("last words");
    await expect(messages.next()).rejects.toMatchObject({ code: "removed" });
  });

  it("can be added again before it has read its removal, without losing messages", async () => {
    const bob = harness.client("bob");
    const [a, b] = (await channelOf(harness.client("alice"), bob)) as [Channel, Channel];
    await a.send(bytes("before"));
    await b.messages().next();
    const keyPackage = await bob.generateKeyPackage();
    await b.close();
    await a.removeMember("bob");
    const again = await bob.joinChannel(NAME, await a.addMember(keyPackage));
    await a.send(bytes("after"));
    expect(await take(again, 2)).toEqual(["before", "after"]);
  });
});

describe("a crash in the middle", () => {
  async function engineOf(identity: string): Promise<MlsEngine> {
    const store = await openFileStore(join(harness.directory, identity));
    const { pair } = await loadIdentityKey(store);
    return createMlsEngine({ identity, store, authenticate: unsafeAcceptAnyCredential, signatureKey: pair });
  }

  it("while joining leaves the welcome usable", async () => {
    const [a] = (await channelOf(harness.client("alice"))) as [Channel];
    const bob = harness.client("bob");
    const welcome = await a.addMember(await bob.generateKeyPackage());
    await bob.close();
    const engine = await engineOf("bob");
    await engine.joinGroup(decodeWelcome(welcome).welcome);
    await engine.close();
    const again = harness.client("bob");
    await expect(again.openChannel(NAME)).rejects.toMatchObject({ code: "not_found" });
    const b = await again.joinChannel(NAME, welcome);
    await a.send(bytes("welcome"));
    expect(await take(b, 1)).toEqual(["welcome"]);
  });

  it("while creating does not block the next attempt", async () => {
    const engine = await engineOf("alice");
    await engine.createGroup(newGroupId(NAME));
    await engine.close();
    const alice = harness.client("alice");
    await expect(alice.openChannel(NAME)).rejects.toMatchObject({ code: "not_found" });
    const channel = await alice.createChannel(NAME);
    expect(channel.members).toHaveLength(1);
  });

  it("while changing the group completes the change after the restart", async () => {
    const alice = harness.client("alice");
    const [, b] = (await channelOf(alice, harness.client("bob"))) as [Channel, Channel];
    await alice.close();
    const engine = await engineOf("alice");
    const group = await engine.loadGroup((await engine.groups())[0] ?? new Uint8Array());
    await group.stage({ remove: [1] });
    await engine.close();
    const again = await harness.client("alice").openChannel(NAME);
    await expect.poll(() => again.members.length).toBe(1);
    await expect(b.messages().next()).rejects.toMatchObject({ code: "removed" });
  });
});

describe("a data directory", () => {
  it("is for one client at a time", async () => {
    await harness.client("alice").open();
    const other = harness.client("alice");
    await expect(other.open()).rejects.toMatchObject({ name: "ChannelError", code: "data_dir_locked", retryable: true });
    await expect(other.open()).rejects.toThrow(/is in use by another .*: close that one, or use another dataDir$/);
    await expect(other.openChannel(NAME)).rejects.toMatchObject({ code: "data_dir_locked" });
  });

  it("is for one identity", async () => {
    const directory = join(harness.directory, "shared");
    await using alice = new SkytaleClient("http://localhost:1", directory, "alice");
    await alice.open();
    await alice.close();
    await using bob = new SkytaleClient("http://localhost:1", directory, "bob");
    await expect(bob.open()).rejects.toMatchObject({ name: "ChannelError", code: "wrong_identity" });
    await expect(bob.open()).rejects.toThrow(/give the identity that it was created with, or another dataDir$/);
  });
});

describe("a relay that restarts", () => {
  it("is reconnected, without lost or duplicate messages", async () => {
    const [a, b] = (await channelOf(harness.client("alice"), harness.client("bob"))) as [Channel, Channel];
    const sent: string[] = [];
    const sending: Promise<unknown>[] = [];
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const message = `${sent.length}`;
        sent.push(message);
        sending.push(a.send(bytes(message)));
      }
    };
    send(20);
    const restarting = harness.restart(async () => send(20));
    send(20);
    await restarting;
    await a.rotateKey();
    send(20);
    expect(await take(b, sent.length)).toEqual(sent);
    await Promise.all(sending);
  });

  it("may have lost a part of its log: log_lost is reported, and later messages arrive", async () => {
    const codes: unknown[] = [];
    const events = { onError: (_channel: string, error: Error) => codes.push("code" in error && error.code) };
    const [a, b] = (await channelOf(harness.client("alice", { events }), harness.client("bob"))) as [Channel, Channel];
    const server = join(harness.directory, "server");
    const backup = join(harness.directory, "backup");
    await harness.restart(() => copy(server, backup));
    for (let i = 0; i < 5; i++) await a.send(bytes(`${i}`));
    const known = new Map<number, string>();
    for await (const { sequence, id } of b.messages()) {
      known.set(sequence, id);
      if (known.size === 5) break;
    }
    await harness.restart(async () => {
      await rm(server, { recursive: true });
      await copy(backup, server);
    });
    await expect.poll(() => codes).toContain("log_lost");
    await a.send(bytes("anew"));
    const { value: anew } = await b.messages().next();
    expect(text(anew ?? { data: bytes("nothing") })).toBe("anew");
    // It has the sequence number of a former message, and is not mistaken for it.
    expect(known.has(anew?.sequence ?? 0)).toBe(true);
    expect([...known.values()]).not.toContain(anew?.id);
    await b.rotateKey();
    await b.send(bytes("and on"));
    expect(await take(a, 1)).toEqual(["and on"]);
  });
});

function copy(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, filter: (path) => !basename(path).startsWith("lock") });
}

describe("a message sent without a connection", () => {
  it("fails immediately with the option offline", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const disconnected = deferred<void>();
    const events = { onDisconnected: () => disconnected.resolve() };
    const [a] = (await channelOf(harness.client("alice", { transport, events }))) as [Channel];
    await a.send(bytes("linked"), { offline: "fail" });
    transport.cut();
    await disconnected.promise;
    await expect(a.send(bytes("cut"), { offline: "fail" })).rejects.toMatchObject({
      name: "TransportError",
      code: "connection_error",
      message: expect.stringMatching(/^transport error: no connection to the relay at .*; the message was not sent$/) as string,
      retryable: true,
    });
  });

  it("waits, and is encrypted for the members at the time of publishing", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b, c] = (await channelOf(harness.client("alice", { transport }), harness.client("bob"), harness.client("carol"))) as [
      Channel,
      Channel,
      Channel,
    ];
    transport.cut();
    const waiting = a.send(bytes("late"));
    await b.removeMember("carol");
    for (let i = 0; i < 12; i++) await b.rotateKey();
    transport.mend();
    await waiting;
    const { value } = await b.messages().next();
    expect(value).toMatchObject({ epoch: 14n });
    await expect(c.messages().next()).rejects.toMatchObject({ code: "removed" });
  });

  it("is dropped when its caller stops waiting", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b] = (await channelOf(harness.client("alice", { transport }), harness.client("bob"))) as [Channel, Channel];
    transport.cut();
    const stop = new AbortController();
    const waiting = a.send(bytes("never"), { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    transport.mend();
    await a.send(bytes("sent"));
    expect(await take(b, 1)).toEqual(["sent"]);
  });
});
