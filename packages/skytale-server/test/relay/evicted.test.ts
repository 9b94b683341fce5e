import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { RelayMessage } from "@parley/skytale-relay";
import { contract } from "@parley/skytale-relay/internal";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { openLogs } from "../../src/log/open-logs.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { encoded, RawStream } from "./raw-stream.ts";
import { CHANNEL, message, payload, RelayHarness, take, text } from "./relay-harness.ts";

const RETENTION = { maxEntries: 50 };

/** A relay on a data directory. */
async function start(directory: string): Promise<RelayHarness & AsyncDisposable> {
  const environment = await LmdbEnvironment.open(directory, SCHEMA);
  const logs = openLogs(environment, { log: { retention: RETENTION } });
  const harness = new RelayHarness({ log: logs.log, welcomes: logs.welcomes, retention: RETENTION });
  const close = harness[Symbol.asyncDispose].bind(harness);
  return Object.assign(harness, {
    async [Symbol.asyncDispose]() {
      await close();
      await logs.close();
      await environment.close();
    },
  });
}

/** The text of a message, or how many were evicted. */
const shown = ({ kind, payload: bytes, evicted }: RelayMessage): string | number | undefined =>
  kind === "evicted" ? evicted : text(bytes);

const numbered = (prefix: string, length: number, from = 0): string[] => Array.from({ length }, (_, index) => `${prefix}${index + from}`);

it("a flood of one account evicts only its own messages, also across a restart; those of the others are delivered to a new subscriber", async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  {
    await using harness = await start(directory.path);
    const [alice, bob, mallory] = await Promise.all(["alice", "bob", "mallory"].map((account) => harness.grpcClient(account)));
    for (const content of numbered("alice ", 5)) await alice?.publish(CHANNEL, message(content));
    for (const content of numbered("mallory ", 60)) await mallory?.publish(CHANNEL, message(content));
    for (const content of numbered("bob ", 5)) await bob?.publish(CHANNEL, message(content));
  }
  await using harness = await start(directory.path);
  const mallory = await harness.grpcClient("mallory");
  for (const content of numbered("mallory ", 40, 60)) await mallory.publish(CHANNEL, message(content));
  const newcomer = await harness.grpcClient("carol");
  const expected = [...numbered("alice ", 5), 60, ...numbered("bob ", 5), ...numbered("mallory ", 40, 60)];
  const messages = await take(newcomer.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator](), expected.length);
  expect(messages.map(shown)).toEqual(expected);
  expect(messages.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, ...Array.from({ length: 45 }, (_, index) => index + 66)]);
  const fetched = await newcomer.fetchRange(CHANNEL, { from: 5 });
  expect(fetched.messages.map(shown)).toEqual(expected.slice(4));
  expect(fetched.messages.at(-1)?.sequence).toBe(110);
  expect((await newcomer.fetchRange(CHANNEL, { from: 30, limit: 1 })).messages).toMatchObject([{ sequence: 30, evicted: 36 }]);
  expect(harness.failures).toEqual([]);
});

it("delivers evicted messages, stored ones and new ones to one subscription without a gap", async () => {
  await using harness = new RelayHarness({ retention: RETENTION, logs: { log: { retention: RETENTION } } });
  const [alice, mallory] = [harness.client("alice"), harness.client("mallory")];
  await alice.publish(CHANNEL, message("quiet"));
  for (const content of numbered("m", 80)) await mallory.publish(CHANNEL, message(content));
  const iterator = alice.subscribe(CHANNEL, { from: 1, bufferBytes: 200 })[Symbol.asyncIterator]();
  expect((await take(iterator, 51)).map(shown)).toEqual(["quiet", 31, ...numbered("m", 49, 31)]);
  await mallory.publish(CHANNEL, message("new"));
  expect(await take(iterator, 1)).toMatchObject([{ sequence: 82, payload: payload("new") }]);
});

it("a client without support for evicted messages gets range_gone with the next sequence, and no other message in their place", async () => {
  await using harness = new RelayHarness({ retention: RETENTION, logs: { log: { retention: RETENTION } } });
  await harness.client("alice").publish(CHANNEL, message("quiet"));
  const mallory = harness.client("mallory");
  for (const content of numbered("m", 80)) await mallory.publish(CHANNEL, message(content));
  const raw = new RawStream(harness.relay, "alice");
  raw.send({ subscribes: [{ subscription: 1, channel: CHANNEL, from: 1, credit: 1_000_000 }] });
  const { ended } = await raw.until((frame) => frame.ended.length > 0);
  expect(ended).toEqual([{ subscription: 1, code: contract.Code.RANGE_GONE, first: 33 }]);
  expect(raw.frames.flatMap((frame) => frame.deliveries).map(({ first, messages }) => [first, messages.length])).toEqual([[1, 1]]);
  raw.send({ subscribes: [{ subscription: 2, channel: CHANNEL, from: 33, credit: 1_000_000 }] });
  const { deliveries } = await raw.until((frame) => frame.deliveries.some(({ subscription }) => subscription === 2));
  expect(deliveries.map(({ first, messages }) => [first, messages.length])).toEqual([[33, 49]]);
  const fetch = async (fromSequence: bigint): Promise<contract.FetchRangeResponse> => {
    const request = create(contract.FetchRangeRequestSchema, { channel: CHANNEL, fromSequence });
    const options = { token: "alice", signal: new AbortController().signal };
    return fromBinary(
      contract.FetchRangeResponseSchema,
      await harness.relay.call("FetchRange", toBinary(contract.FetchRangeRequestSchema, request), options),
    );
  };
  expect((await fetch(1n)).messages).toHaveLength(1);
  expect(await fetch(2n)).toMatchObject({ messages: [], head: { firstSequence: 33n, nextSequence: 82n } });
});

it("rejects a published message that claims to be evicted", async () => {
  await using harness = new RelayHarness();
  const raw = new RawStream(harness.relay, "mallory");
  raw.publish(CHANNEL, 1, [Buffer.concat([encoded("first"), Buffer.from([7 * 8, 100])]), encoded("second")]);
  const { nacks } = await raw.until((frame) => frame.nacks.length > 0);
  expect(nacks).toMatchObject([{ number: 1, code: contract.Code.INVALID_ARGUMENT }]);
});

it("counts what an account stores without its evicted messages", async () => {
  const limits = { maxStoredBytesPerAccount: 60_000 };
  await using harness = new RelayHarness({ limits, retention: RETENTION, logs: { log: { retention: RETENTION } } });
  await harness.client("alice").publish(CHANNEL, message("quiet"));
  const mallory = harness.client("mallory");
  for (const content of numbered("x".repeat(1000), 200)) await mallory.publish(CHANNEL, message(content));
  expect(harness.logs.log.storedBytes("mallory")).toBeLessThan(60_000);
  expect(harness.logs.log.storedBytes("mallory")).toBeGreaterThan(49_000);
});
