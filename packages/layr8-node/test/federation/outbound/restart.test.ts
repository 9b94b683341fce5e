import { StorageError } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { afterEach, beforeEach, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { LmdbOutboundStore } from "../../../src/federation/outbound/lmdb-outbound-store.ts";
import type { Outbound } from "../../../src/federation/outbound/outbound.ts";
import { outboundLimits } from "../../../src/federation/outbound/outbound-limits.ts";
import { SCHEMA } from "../../../src/open-stores.ts";
import { Harness, type OpenOptions } from "./harness.ts";
import { take } from "./partner.ts";

let harness: Harness;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let environment: LmdbEnvironment | undefined;

beforeEach(async () => {
  harness = new Harness();
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await harness.close();
  await environment?.close();
  await directory.remove();
});

async function open(options: OpenOptions = {}): Promise<Outbound> {
  await environment?.close();
  environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  return harness.open({ ...options, store: await LmdbOutboundStore.open(environment, outboundLimits(options.limits)) });
}

it("undelivered messages are sent after a restart, in order, and delivered ones are not", async () => {
  const node = await harness.partner();
  const [bob, carol] = [node.agent("bob"), node.agent("carol")];
  let queue = await open();
  const ids = [await harness.send(queue, bob), await harness.send(queue, carol)];
  await harness.until(() => harness.delivered.length === 2);
  node.answer = (_, response) => response.writeHead(503).end();
  for (let index = 0; index < 20; index++) ids.push(await harness.send(queue, index % 2 === 0 ? bob : carol));
  await queue.close();
  node.answer = take;
  node.arrivals.length = 0;

  queue = await open();
  expect(queue.depth()).toMatchObject({ messages: 20, pairs: 2 });
  await harness.until(() => harness.delivered.length === 22);
  for (const recipient of [bob, carol]) {
    const arrived = node.arrivals.filter((arrival) => arrival.recipient === recipient).map(({ id }) => id);
    expect(arrived).toEqual(ids.slice(2).filter((_, index) => (index % 2 === 0 ? bob : carol) === recipient));
  }
  await queue.close();
  queue = await open();
  expect(queue.depth()).toMatchObject({ messages: 0, pairs: 0 });
});

it("duplicates, limits and expiry are kept over a restart", async () => {
  const node = await harness.partner();
  const bob = node.agent("bob");
  node.answer = (_, response) => response.writeHead(503).end();
  const limits = { maxMessagesPerSender: 2 };
  let queue = await open({ limits });
  const message = harness.message(bob, { expiresAt: Date.now() + 3000 });
  const enqueued = await queue.enqueue(message);
  if (enqueued.status === "stored") await enqueued.durable;
  await harness.send(queue, bob);
  await queue.close();

  queue = await open({ limits });
  expect(await queue.enqueue(message)).toEqual({ status: "duplicate" });
  expect(await queue.enqueue(harness.message(bob))).toEqual({ status: "full" });
  await harness.until(() => harness.dead.length === 1);
  expect(harness.dead).toMatchObject([{ id: message.id, cause: { code: "expired" } }]);
  await harness.until(() => queue.depth().messages === 1 || harness.failures.length > 0);
});

it("dead letters whose report failed are reported after a restart", async () => {
  const node = await harness.partner();
  node.answer = (_, response) => response.writeHead(403).end();
  const waiting: (() => void)[] = [];
  let full = false;
  let queue = await open({
    onDead: async () => {
      if (!full) await new Promise<void>((resolve) => waiting.push(resolve));
      throw new StorageError("storage_failed", "The disk is full");
    },
  });
  const bob = node.agent("bob");
  const ids: string[] = [];
  for (let index = 0; index < 40; index++) ids.push(await harness.send(queue, bob));
  await node.until(() => node.arrivals.length === 40);
  // The number of concurrent reports is limited.
  expect(waiting.length).toBeLessThan(40);
  const closing = queue.close();
  full = true;
  for (const resume of waiting) resume();
  await closing;
  expect(harness.dead).toEqual([]);

  queue = await open();
  await harness.until(() => harness.dead.length === 40);
  expect(harness.dead.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
});
