import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel, SkytaleClient, SkytaleClientSettings } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";
import { LyingTransport } from "./support/lying-transport.ts";

/** Epochs after which no member can decrypt a message. */
const TOO_MANY_EPOCHS = 9;

let harness: Harness;
let errors: string[];
let alice: SkytaleClient;
let atAlice: Channel;
let bob: Channel;

const settings = (more: SkytaleClientSettings = {}): SkytaleClientSettings => ({
  events: { onError: (_channel, error) => errors.push(error.message) },
  ...more,
});

beforeEach(async () => {
  errors = [];
  harness = await Harness.start();
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
  expect(errors).toEqual([]);
});

async function start(more: SkytaleClientSettings = {}): Promise<void> {
  alice = harness.client("alice", settings(more));
  [atAlice, bob] = (await channelOf(alice, harness.client("bob", settings()))) as [Channel, Channel];
}

/** Restarts Alice. */
async function restart(): Promise<void> {
  await alice.close();
  alice = harness.client("alice", settings());
  atAlice = await alice.openChannel(NAME);
}

async function advanceEpochs(epochs: number): Promise<void> {
  for (let count = 0; count < epochs; count++) await bob.rotateKey();
  await expect.poll(() => atAlice.epoch).toBe(bob.epoch);
}

describe("a send with an id", () => {
  beforeEach(() => start());

  it("is recorded once, with its sequence number, also after a restart", async () => {
    const first = await atAlice.send(bytes("a"), { id: "1" });
    expect(await atAlice.send(bytes("a"), { id: "1" })).toEqual(first);
    await restart();
    expect(await atAlice.send(bytes("a"), { id: "1" })).toEqual(first);
    await atAlice.send(bytes("end"));
    expect(await take(bob, 2)).toEqual(["a", "end"]);
  });

  it("is recorded once, however many epochs ago it was", async () => {
    const first = await atAlice.send(bytes("a"), { id: "1" });
    await advanceEpochs(TOO_MANY_EPOCHS);
    expect(await atAlice.send(bytes("a"), { id: "1" })).toEqual(first);
    await restart();
    await advanceEpochs(TOO_MANY_EPOCHS);
    expect(await atAlice.send(bytes("a"), { id: "1" })).toEqual(first);
    await atAlice.send(bytes("end"));
    expect(await take(bob, 2)).toEqual(["a", "end"]);
  });

  it("is shared by concurrent calls", async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => atAlice.send(bytes("a"), { id: "1" })));
    for (const other of others) expect(other).toEqual(first);
    await atAlice.send(bytes("end"));
    expect(await take(bob, 2)).toEqual(["a", "end"]);
  });

  it("continues when another call stops waiting", async () => {
    const abort = new AbortController();
    const stopped = atAlice.send(bytes("a"), { id: "1", signal: abort.signal });
    const waits = atAlice.send(bytes("a"), { id: "1", signal: new AbortController().signal });
    const waitsToo = atAlice.send(bytes("a"), { id: "1" });
    abort.abort(new Error("changed my mind"));
    await expect(stopped).rejects.toThrow("changed my mind");
    expect(await waits).toEqual(await waitsToo);
    expect(await take(bob, 1)).toEqual(["a"]);
  });

  it("can be repeated after a call stopped waiting, in any state of the message", async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `${index}`);
    for (const [index, id] of ids.entries()) {
      const abort = new AbortController();
      const stopped = atAlice.send(bytes(id), { id, signal: abort.signal });
      for (let turn = 0; turn < index % 8; turn++) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      await stopped.catch(() => undefined);
      await atAlice.send(bytes(id), { id });
    }
    expect(await take(bob, ids.length)).toEqual(ids);
    await atAlice.send(bytes("end"));
    expect(await take(bob, 1)).toEqual(["end"]);
  });

  it("has an id per agent and channel", async () => {
    const other = await alice.createChannel("acme/team/other");
    const [one, two] = [await atAlice.send(bytes("a"), { id: "1" }), await bob.send(bytes("b"), { id: "1" })];
    expect(two.sequence).toBeGreaterThan(one.sequence);
    await other.send(bytes("c"), { id: "1" });
    await atAlice.send(bytes("end"));
    expect(await take(bob, 2)).toEqual(["a", "end"]);
    expect(await take(atAlice, 1)).toEqual(["b"]);
  });

  it.each([0, 256])("rejects an id of %i characters", async (length) => {
    await expect(atAlice.send(bytes("a"), { id: "x".repeat(length) })).rejects.toThrow(TypeError);
  });
});

it("a send that timed out while it was encrypted is not recorded", async () => {
  const transports = [new LyingTransport(harness.server.relayUrl), new LyingTransport(harness.server.relayUrl)] as const;
  const [a, b, c] = (await channelOf(
    harness.client("a", { transport: transports[0] }),
    harness.client("b"),
    harness.client("c", { transport: transports[1] }),
  )) as [Channel, Channel, Channel];
  await Promise.all([a.caughtUp(), c.caughtUp()]);
  // A pending proposal must be committed before a message is encrypted. No member can commit it now.
  for (const transport of transports) transport.hold();
  await b.leave();
  let unsent: string | undefined;
  for (let count = 0; unsent === undefined; count++) {
    const error: unknown = await a.send(bytes(`timed out ${count}`), { timeoutMs: 100 }).catch((thrown: unknown) => thrown);
    if (String(error).includes("the message was not sent")) unsent = `timed out ${count}`;
  }
  for (const transport of transports) transport.release();
  const { sequence } = await a.send(bytes("end"));
  const received: string[] = [];
  for await (const message of c.messages()) {
    received.push(message.text);
    if (message.sequence === sequence) break;
  }
  expect(received).not.toContain(unsent);
});

it("a repeated send finds its last attempt when the first was recorded too late", async () => {
  const transport = new LyingTransport(harness.server.relayUrl);
  await start({ transport });
  transport.hold();
  const sending = atAlice.send(bytes("a"), { id: "1" });
  sending.catch(() => undefined);
  await advanceEpochs(TOO_MANY_EPOCHS);
  const head = async (): Promise<number> => (await bob.send(bytes("where are we?"))).sequence;
  const before = await head();
  transport.isDeaf = true;
  transport.release();
  // The first attempt is recorded, and this life of alice learns nothing of it.
  await expect.poll(head).toBeGreaterThan(before + 1);
  await restart();
  const second = await atAlice.send(bytes("a"), { id: "1" });
  await restart();
  await advanceEpochs(1);
  await restart();
  expect(await atAlice.send(bytes("a"), { id: "1" })).toEqual(second);
  await atAlice.send(bytes("end"));
  expect(await take(bob, 2)).toEqual(["a", "end"]);
});
