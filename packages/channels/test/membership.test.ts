import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel, SkytaleClientSettings } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take, text } from "./support/harness.ts";
import { LyingTransport } from "./support/lying-transport.ts";

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

function names(channel: Channel): string[] {
  return channel.members.map((member) => text({ data: member.identity })).toSorted();
}

async function agree(...channels: readonly Channel[]): Promise<void> {
  await expect.poll(() => new Set(channels.map(({ epoch }) => epoch)).size).toBe(1);
}

describe("adding members", () => {
  it("adds several agents with one commit and one welcome", async () => {
    const clients = ["alice", "bob", "carol", "dave"].map((name) => harness.client(name));
    const [alice, ...others] = await channelOf(...(clients as [(typeof clients)[0], ...typeof clients]));
    expect(alice?.epoch).toBe(1n);
    await alice?.send(bytes("welcome, all"));
    for (const other of others) {
      expect(await take(other, 1)).toEqual(["welcome, all"]);
      expect(names(other)).toEqual(["alice", "bob", "carol", "dave"]);
    }
  });

  it("rejects agents that are members, and bytes that are not a key package", async () => {
    const alice = harness.client("alice");
    const bob = harness.client("bob");
    const [channel] = await channelOf(alice, bob);
    await expect(channel?.addMember(await bob.generateKeyPackage())).rejects.toMatchObject({ code: "already_member" });
    await expect(channel?.addMember(bytes("garbage"))).rejects.toMatchObject({
      code: "invalid_key_package",
      message: expect.stringMatching(/^MLS engine error: /),
    });
    expect(channel?.epoch).toBe(1n);
    await channel?.rotateKey();
    expect(channel?.epoch).toBe(2n);
  });

  it("makes new members update their keys soon", async () => {
    const channel = await harness.client("alice").createChannel(NAME);
    const bob = harness.client("bob");
    const atBob = await bob.joinChannel(NAME, await channel.addMember(await bob.generateKeyPackage()));
    await expect.poll(() => channel.epoch).toBe(2n);
    await expect.poll(() => atBob.epoch).toBe(2n);
  });
});

describe("changes as PublicMessage, which members of other implementations may need", () => {
  it("take effect alongside encrypted ones: adds, rotations, removals and leaving", async () => {
    const open = { handshakes: "public" } as const;
    const [alice, bob, carol, dave] = await channelOf(
      harness.client("alice", open),
      harness.client("bob"),
      harness.client("carol", open),
      harness.client("dave"),
    );
    if (!alice || !bob || !carol || !dave) throw new TypeError("The channel has four members");
    await Promise.all([alice.rotateKey(), bob.rotateKey(), carol.rotateKey()]);
    await agree(alice, bob, carol, dave);
    await alice.removeMember("dave");
    await carol.leave();
    await expect
      .poll(() => [names(alice), names(bob)])
      .toEqual([
        ["alice", "bob"],
        ["alice", "bob"],
      ]);
    await agree(alice, bob);
    await alice.send(bytes("still encrypted"));
    expect(await take(bob, 1)).toEqual(["still encrypted"]);
  });

  it("require a valid value of the option", () => {
    const wrong = { handshakes: "open" } as unknown as SkytaleClientSettings;
    expect(() => harness.client("alice", wrong)).toThrow('Option "handshakes" must be "private" or "public"');
  });
});

describe("concurrent changes", () => {
  it("all take effect, each on top of the others", async () => {
    const clients = ["a", "b", "c", "d"].map((name) => harness.client(name));
    const channels = await channelOf(...(clients as [(typeof clients)[0], ...typeof clients]));
    const joiners = ["e", "f", "g", "h"].map((name) => harness.client(name));
    const welcomes = await Promise.all(
      joiners.map(async (joiner, i) => (channels[i] as Channel).addMember(await joiner.generateKeyPackage())),
    );
    const joined = await Promise.all(
      joiners.map((joiner, i) => joiner.joinChannel(NAME, welcomes[i] as Uint8Array, { updateKeys: false })),
    );
    await agree(...channels, ...joined);
    expect(channels[0]?.epoch).toBe(5n);
    for (const channel of [...channels, ...joined]) expect(names(channel)).toEqual("abcdefgh".split(""));
    await joined[3]?.send(bytes("here"));
    for (const channel of channels) expect(await take(channel, 1)).toEqual(["here"]);
  });

  it("add an agent once", async () => {
    const [a, b] = await channelOf(harness.client("a"), harness.client("b"));
    const keyPackage = await harness.client("c").generateKeyPackage();
    const results = await Promise.allSettled([a?.addMember(keyPackage), b?.addMember(keyPackage)]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "already_member" } });
    await agree(a as Channel, b as Channel);
    expect(names(a as Channel)).toEqual(["a", "b", "c"]);
  });
});

describe("removing a member", () => {
  it("is reported to it after its last message, and it cannot decrypt later ones", async () => {
    const [a, b, c] = (await channelOf(harness.client("a"), harness.client("b"), harness.client("c"))) as [Channel, Channel, Channel];
    await a.send(bytes("for all"));
    await a.removeMember("c");
    await a.send(bytes("not for c"));
    const read: string[] = [];
    const reading = (async () => {
      for await (const message of c.messages()) read.push(text(message));
    })();
    await expect(reading).rejects.toMatchObject({ name: "ChannelError", code: "removed" });
    expect(read).toEqual(["for all"]);
    expect(await take(b, 2)).toEqual(["for all", "not for c"]);
    await expect(c.send(bytes("still here"))).rejects.toMatchObject({ code: "removed" });
    await expect(c.addMember(await harness.client("d").generateKeyPackage())).rejects.toMatchObject({ code: "removed" });
    expect(names(b)).toEqual(["a", "b"]);
  });

  it("allows it to be added again", async () => {
    const carol = harness.client("c");
    const [a, c] = (await channelOf(harness.client("a"), carol)) as [Channel, Channel];
    await a.removeMember("c");
    await expect.poll(() => c.isActive).toBe(false);
    await expect(carol.openChannel(NAME)).rejects.toMatchObject({ code: "removed" });
    const again = await carol.joinChannel(NAME, await a.addMember(await carol.generateKeyPackage()));
    await a.send(bytes("back"));
    expect(await take(again, 1)).toEqual(["back"]);
  });

  it("is rejected for the agent itself and for non-members", async () => {
    const [a] = (await channelOf(harness.client("a"))) as [Channel];
    await expect(a.removeMember("a")).rejects.toMatchObject({ code: "bad_request" });
    await expect(a.removeMember("nobody")).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("leaving", () => {
  it("is committed by another member, and ends the iteration without an error", async () => {
    const [a, b, c] = (await channelOf(harness.client("a"), harness.client("b"), harness.client("c"))) as [Channel, Channel, Channel];
    const ended = (async () => {
      for await (const _ of c.messages());
      return "ended";
    })();
    await c.leave();
    expect(await ended).toBe("ended");
    await agree(a, b);
    expect(names(a)).toEqual(["a", "b"]);
    await expect(c.send(bytes("still here"))).rejects.toMatchObject({ code: expect.stringMatching(/^(removed|leaving)$/) });
  });

  it("does not block sends of other members", async () => {
    const [a, b] = (await channelOf(harness.client("a"), harness.client("b"), harness.client("c"))) as [Channel, Channel, Channel];
    await b.leave();
    await a.send(bytes("one"));
    await expect.poll(() => names(a)).toEqual(["a", "c"]);
  });

  it("is repeated when the first request was interrupted", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b] = (await channelOf(harness.client("a"), harness.client("b", { transport }))) as [Channel, Channel];
    await b.caughtUp();
    const stop = new AbortController();
    const leaving = b.leave({ signal: stop.signal });
    transport.cut();
    stop.abort(new Error("enough"));
    await expect(leaving).rejects.toThrow("enough");
    await a.rotateKey();
    transport.mend();
    await expect.poll(() => names(a)).toEqual(["a"]);
    expect(await b.messages().next()).toEqual({ done: true, value: undefined });
  });

  it("succeeds although a commit of this agent in flight voided its first request", async () => {
    const client = harness.client("b");
    const [a, b] = (await channelOf(harness.client("a"), client)) as [Channel, Channel];
    const rotating = b.rotateKey();
    await b.leave();
    await rotating;
    await client.close();
    await expect.poll(() => names(a)).toEqual(["a"]);
  });

  it("erases the channel of a last member", async () => {
    const alice = harness.client("a");
    const [a] = (await channelOf(alice)) as [Channel];
    await a.leave();
    await expect(alice.openChannel(NAME)).rejects.toMatchObject({ code: "not_found" });
    await using again = await alice.createChannel(NAME);
    expect(again.epoch).toBe(0n);
  });
});

describe("two agents of one identity", () => {
  it("are not both members, unless that is allowed", async () => {
    const [a] = (await channelOf(harness.client("alice"), harness.client("lead"))) as [Channel];
    const impostor = harness.client("impostor", {}, "lead");
    const keyPackage = await impostor.generateKeyPackage();
    await expect(a.addMember(keyPackage)).rejects.toMatchObject({
      name: "ChannelError",
      code: "identity_taken",
      message: expect.stringMatching(/the identity "lead" belongs to another member of acme\/team\/general/) as string,
    });
    await expect(a.addMembers([keyPackage, await harness.client("third", {}, "lead").generateKeyPackage()])).rejects.toMatchObject({
      code: "identity_taken",
    });
    await expect(a.addMember(keyPackage, { allowSameIdentity: true })).rejects.toMatchObject({ code: "identity_taken" });
  });

  it("are members if all agents allow it, and are distinguished by their keys", async () => {
    const allow = { allowSameIdentity: true };
    const [a, lead] = (await channelOf(harness.client("alice", allow), harness.client("lead", allow))) as [Channel, Channel];
    const impostor = harness.client("impostor", allow, "lead");
    const keyPackage = await impostor.generateKeyPackage();
    await expect(a.addMember(keyPackage, { allowSameIdentity: false })).rejects.toMatchObject({ code: "identity_taken" });
    const joined = await impostor.joinChannel(NAME, await a.addMember(keyPackage));
    await lead.caughtUp();
    expect(lead.members).toEqual(a.members);
    expect(a.members.map(({ name }) => name)).toEqual(["alice", "lead", "lead"]);
    await joined.send(bytes("who am I?"));
    const { value } = await a.messages().next();
    expect(value).toMatchObject({ senderName: "lead", text: "who am I?" });
    expect(value?.senderKey).toEqual(a.members[2]?.signatureKey);
    expect(value?.senderKey).not.toEqual(a.members[1]?.signatureKey);
    await expect(a.removeMember("lead")).rejects.toMatchObject({ code: "identity_ambiguous" });
    expect(a.members).toHaveLength(3);
    await a.removeMember({ signatureKey: value?.senderKey ?? new Uint8Array() });
    expect(a.members.map(({ signatureKey }) => signatureKey)).toEqual([a, lead].map(({ members }, at) => members[at]?.signatureKey));
    await a.removeMember("lead");
    expect(a.members.map(({ name }) => name)).toEqual(["alice"]);
  });

  it("are not both members even if one member ignores the rule", async () => {
    const skipped: Error[] = [];
    const onSkipped = (_: string, { error }: { readonly error: Error }): void => void skipped.push(error);
    const [a, lead, bob] = (await channelOf(
      harness.client("bypassing", { allowSameIdentity: true }),
      harness.client("lead", { events: { onSkipped } }),
      harness.client("bob"),
    )) as [Channel, Channel, Channel];
    const impostor = harness.client("impostor", {}, "lead");
    const welcome = await a.addMember(await impostor.generateKeyPackage());
    await expect(impostor.joinChannel(NAME, welcome)).rejects.toMatchObject({ name: "ChannelError", code: "identity_taken" });
    await expect.poll(() => skipped).toMatchObject([{ code: "identity_taken" }]);
    await bob.rotateKey();
    await lead.send(bytes("still here"));
    expect(await take(bob, 1)).toEqual(["still here"]);
    expect(lead.members.map(({ name }) => name)).toEqual(["bypassing", "lead", "bob"]);
  });

  it("are reported by an agent that doesn't allow them, when it opens a channel that has them", async () => {
    const allow = { allowSameIdentity: true };
    const [a, lead] = (await channelOf(harness.client("alice", allow), harness.client("lead", allow))) as [Channel, Channel];
    const second = harness.client("second", allow, "lead");
    await second.joinChannel(NAME, await a.addMember(await second.generateKeyPackage()));
    await lead.caughtUp();
    await second.close();
    const warnings: string[] = [];
    const strict = harness.client("second", { onWarning: (warning) => warnings.push(warning) }, "lead");
    const opened = await strict.openChannel(NAME);
    expect(warnings).toEqual([expect.stringMatching(/^2 members of the channel acme\/team\/general have the identity "lead": /)]);
    await a.send(bytes("goes on"));
    expect(await take(opened, 1)).toEqual(["goes on"]);
  });
});
