import { Envelope, type EnvelopePort, Protocol } from "@parley/envelope-and-adapters";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel, SkytaleClient, SkytaleClientSettings } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";
import { LyingTransport } from "./support/lying-transport.ts";
import { Managers } from "./support/managers.ts";

/** Epochs after which a message can still be read. */
const RETAINED = 8;
const WAITING = Array.from({ length: 20 }, (_, index) => `waiting ${index}`);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : error);

describe("while an inbox is full", () => {
  let harness: Harness;
  let errors: string[];
  let skipped: number[];
  let alice: Channel;
  let bobsClient: SkytaleClient;
  let bob: Channel;

  const settings: SkytaleClientSettings = {
    limits: { maxMessages: 2 },
    events: { onError: (_channel, error) => errors.push(error.message), onSkipped: (_channel, { sequence }) => skipped.push(sequence) },
  };

  beforeEach(async () => {
    harness = await Harness.start();
    errors = [];
    skipped = [];
  });

  afterEach(async () => {
    await harness[Symbol.asyncDispose]();
    expect(errors).toEqual([]);
  });

  /** Bob's inbox is full, and more waits on the relay. */
  async function start(more: SkytaleClientSettings = {}): Promise<void> {
    bobsClient = harness.client("bob", { ...settings, ...more });
    [alice, bob] = (await channelOf(harness.client("alice", { events: settings.events ?? {} }), bobsClient)) as [Channel, Channel];
    await Promise.all(WAITING.map((text) => alice.send(bytes(text))));
    await full();
  }

  async function full(): Promise<void> {
    await expect.poll(() => bob.caughtUp().catch(codeOf)).toBe("inbox_full");
  }

  async function commits(count: number): Promise<void> {
    for (let done = 0; done < count; done++) await alice.rotateKey();
  }

  it("messages can be sent, and are recognized in the log", async () => {
    await start();
    await Promise.all(["a", "b", "c"].map((text) => bob.send(bytes(text))));
    expect(await take(alice, 3)).toEqual(["a", "b", "c"]);
    expect(await take(bob, WAITING.length)).toEqual(WAITING);
    await bob.caughtUp();
    await bob.send(bytes("d"));
    expect(await take(alice, 1)).toEqual(["d"]);
    expect(skipped).toEqual([]);
  });

  it("the group can't be changed", async () => {
    await start();
    await expect(bob.rotateKey()).rejects.toMatchObject({ name: "ChannelError", code: "inbox_full", retryable: true });
  });

  it("messages are sent while others can decrypt them; later sends fail with inbox_full and succeed when repeated", async () => {
    await start();
    await commits(RETAINED);
    await bob.send(bytes("just in time"));
    await commits(1);
    await expect(bob.send(bytes("once"), { id: "1" })).rejects.toMatchObject({ name: "ChannelError", code: "inbox_full", retryable: true });
    expect(await take(bob, WAITING.length)).toEqual(WAITING);
    await bob.send(bytes("once"), { id: "1" });
    await bob.send(bytes("end"));
    expect(await take(alice, 3)).toEqual(["just in time", "once", "end"]);
    // The messages reported as failed are those that no member could decrypt.
    expect(new Set(skipped).size).toBe(1);
  });

  it("a send with an id is repeated once, also after a restart", async () => {
    await start();
    const first = await bob.send(bytes("once"), { id: "1" });
    for (let life = 0; life < 2; life++) {
      await bobsClient.close();
      bobsClient = harness.client("bob", settings);
      bob = await bobsClient.openChannel(NAME);
      await full();
      expect(await bob.send(bytes("once"), { id: "1" })).toEqual(first);
    }
    await bob.send(bytes("end"));
    expect(await take(alice, 2)).toEqual(["once", "end"]);
    expect(await take(bob, WAITING.length)).toEqual(WAITING);
    await bob.caughtUp();
    expect(skipped).toEqual([]);
  });

  it("messages are sent across a lost connection", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    await start({ transport });
    transport.cut();
    const sending = ["a", "b"].map((text) => bob.send(bytes(text)));
    transport.mend();
    await Promise.all(sending);
    transport.isDeaf = true;
    const unheard = bob.send(bytes("c"));
    expect(await take(alice, 3)).toEqual(["a", "b", "c"]);
    transport.isDeaf = false;
    transport.cut();
    transport.mend();
    await unheard;
    await bob.send(bytes("end"));
    expect(await take(alice, 1)).toEqual(["end"]);
  });

  it("a relay that omits the epoch of its log leaves a message doubtful until it is read", async () => {
    const transport = new LyingTransport(harness.server.relayUrl);
    transport.hidesEpochs = true;
    await start({ transport });
    await expect(bob.send(bytes("once"), { id: "1" })).rejects.toMatchObject({ code: "inbox_full" });
    expect(await take(bob, WAITING.length)).toEqual(WAITING);
    await bob.send(bytes("once"), { id: "1" });
    await bob.send(bytes("end"));
    expect(await take(alice, 2)).toEqual(["once", "end"]);
  });
});

describe("two bridges, in opposite directions between two channels", () => {
  const OTHER = "acme/team/other";
  let managers: Managers;

  beforeEach(async () => void (managers = await Managers.start()));
  afterEach(() => managers[Symbol.asyncDispose]());

  /** A user's port, and the bridge's port on the same channel. */
  async function between(name: string, identity: string): Promise<{ readonly person: EnvelopePort; readonly bridge: EnvelopePort }> {
    const there = managers.of(identity);
    const bridge = managers.of(`bridge to ${identity}`, { limits: { maxMessages: 3 } });
    const person = await there.create(name);
    const port = await bridge.join(name, await there.addMember(name, await bridge.keyPackage()));
    for (const text of WAITING) await person.send(new Envelope(Protocol.RAW, "text/plain", bytes(text)));
    // No group change is made: the full inbox is checked first.
    await expect.poll(async () => bridge.addMember(name, await there.keyPackage()).catch(codeOf)).toBe("inbox_full");
    return { person, bridge: port };
  }

  async function forward(from: EnvelopePort, to: EnvelopePort, count: number): Promise<void> {
    let settled = 0;
    for await (const { envelope, id, settle } of from.receive({ settle: "manual" })) {
      await to.send(envelope, { id: `from ${String(id)}` });
      await settle?.();
      if (++settled === count) break;
    }
  }

  it("forward every message once, even with both inboxes full", async () => {
    const left = await between(NAME, "alice");
    const right = await between(OTHER, "bob");
    await Promise.all([forward(left.bridge, right.bridge, WAITING.length), forward(right.bridge, left.bridge, WAITING.length)]);
    for (const { person, bridge } of [left, right]) {
      await bridge.send(new Envelope(Protocol.RAW, "text/plain", bytes("end")));
      const received: string[] = [];
      for await (const { envelope } of person.receive()) {
        received.push(Buffer.from(envelope.payload).toString());
        if (received.at(-1) === "end") break;
      }
      expect(received).toEqual([...WAITING, "end"]);
    }
  });
});
