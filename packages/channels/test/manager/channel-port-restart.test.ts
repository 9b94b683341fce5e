import { Envelope, type EnvelopePort, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChannelError, type SkytaleChannelManager } from "../../src/index.ts";
import { bytes, NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

const manual = { settle: "manual" } as const;

let managers: Managers;
let alice: SkytaleChannelManager;
let bob: SkytaleChannelManager;
let atAlice: EnvelopePort;
let atBob: EnvelopePort;

beforeEach(async () => {
  managers = await Managers.start();
  alice = managers.of("alice");
  bob = managers.of("bob", { limits: { maxMessages: 4 } });
  atAlice = await alice.create(NAME);
  atBob = await bob.join(NAME, await alice.addMember(NAME, await bob.keyPackage()));
});

afterEach(() => managers[Symbol.asyncDispose]());

async function restart(): Promise<void> {
  await bob.close();
  bob = managers.of("bob", { limits: { maxMessages: 4 } });
  atBob = await bob.open(NAME);
}

async function sendAll(...all: readonly string[]): Promise<void> {
  for (const content of all) await atAlice.send(new Envelope(Protocol.RAW, "text/plain", bytes(content)));
}

async function take(inbound: AsyncIterator<ReceivedEnvelope, undefined>, count: number): Promise<ReceivedEnvelope[]> {
  const taken: ReceivedEnvelope[] = [];
  while (taken.length < count) {
    const { value } = await inbound.next();
    if (value === undefined) throw new Error("The iteration has ended");
    taken.push(value);
  }
  return taken;
}

const textOf = ({ envelope: { payload } }: ReceivedEnvelope): string => Buffer.from(payload).toString();

describe("over a restart", () => {
  it("unsettled envelopes are redelivered with their ids, first and in order", async () => {
    const inbound = atBob.receive(manual);
    await sendAll("a", "b", "c");
    const before = await take(inbound, 3);
    await before[1]?.settle?.();
    await restart();
    await sendAll("d");
    const after = await take(atBob.receive(manual), 3);
    expect(after.map(textOf)).toEqual(["a", "c", "d"]);
    expect(after.slice(0, 2).map(({ id }) => id)).toEqual([before[0]?.id, before[2]?.id]);
  });

  it("buffered envelopes are redelivered; envelopes given to the subscriber are not", async () => {
    const inbound = atBob.receive();
    await sendAll("a", "b", "c");
    expect((await take(inbound, 1)).map(textOf)).toEqual(["a"]);
    await restart();
    expect(await inbound.next()).toEqual({ done: true, value: undefined });
    expect((await take(atBob.receive(), 2)).map(textOf)).toEqual(["b", "c"]);
  });

  it("settling after it fails, and the envelope is redelivered", async () => {
    const inbound = atBob.receive(manual);
    await sendAll("a");
    const [a] = await take(inbound, 1);
    await restart();
    await expect(a?.settle?.()).rejects.toMatchObject({ name: "TransportError", code: "closed" });
    expect((await take(atBob.receive(manual), 1)).map(textOf)).toEqual(["a"]);
  });
});

it("an envelope left unsettled can be received from the manager while no subscription matches it", async () => {
  const inbound = atBob.receive(manual);
  await sendAll("a", "b");
  await take(inbound, 2);
  expect(await bob.receiveEnvelopes(NAME, { timeout: 0 })).toEqual([]);
  await inbound.return?.();
  expect((await bob.receiveEnvelopes(NAME)).map((envelope) => textOf({ envelope }))).toEqual(["a", "b"]);
  const next = atBob.receive(manual);
  await sendAll("c");
  expect((await take(next, 1)).map(textOf)).toEqual(["c"]);
});

it("unsettled envelopes fill the inbox: reading continues when they are settled", async () => {
  const inbound = atBob.receive(manual);
  await sendAll("a", "b", "c", "d", "e");
  const got = await take(inbound, 4);
  const carol = managers.of("carol");
  const adding = async (): Promise<unknown> => bob.addMember(NAME, await carol.keyPackage());
  await expect.poll(() => adding().catch((error: unknown) => (error instanceof ChannelError ? error.code : error))).toBe("inbox_full");
  for (const { settle } of got) await settle?.();
  expect((await take(inbound, 1)).map(textOf)).toEqual(["e"]);
  await adding();
});
