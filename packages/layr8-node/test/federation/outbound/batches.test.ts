import { afterEach, beforeEach, expect, it } from "vitest";
import { MAX_BATCH_BYTES, MAX_BATCH_ENVELOPES } from "../../../src/federation/envelope-batch.ts";
import { Harness } from "./harness.ts";
import { type Partner, take } from "./partner.ts";

let harness: Harness;
let node: Partner;
let bob: string;

beforeEach(async () => {
  harness = new Harness();
  node = await harness.partner();
  bob = node.agent("bob");
});
afterEach(() => harness.close());

/** Queues messages while the first one waits for its response; then lets it go. Resolves to their ids when all have a result. */
async function sendTogether(count: number, body = ""): Promise<readonly string[]> {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  node.answer = (arrival, response, request) => void released.then(() => take(arrival, response, request));
  const queue = harness.open();
  const ids = Array.from({ length: count }, (_, index) => `m${index}`);
  const sent = ids.map((id) => {
    const plaintext = JSON.stringify({ id, type: "https://example.org/test/1.0/ping", from: harness.alice, to: [bob], body: { body } });
    return harness.send(queue, bob, { id, plaintext });
  });
  await Promise.all(sent);
  await node.until(() => node.posts.length === 1);
  release();
  await harness.until(() => harness.delivered.length + harness.dead.length === count);
  return ids;
}

it("a node that does not offer batches gets one message in each request", async () => {
  const ids = await sendTogether(10);
  expect(node.posts).toEqual(Array.from(ids, () => 1));
  expect(node.ids).toEqual(ids);
});

it("a node that offers batches gets the waiting messages of a pair in one request, in order", async () => {
  node.answerBatch = () => ({ status: 202 });
  const ids = await sendTogether(MAX_BATCH_ENVELOPES + 11);
  expect(node.posts).toEqual([1, MAX_BATCH_ENVELOPES, 10]);
  expect(node.ids).toEqual(ids);
  expect(harness.delivered).toEqual(ids);
});

it("a batch ends at its maximum size", async () => {
  node.answerBatch = () => ({ status: 202 });
  const ids = await sendTogether(8, "x".repeat(MAX_BATCH_BYTES / 4));
  // Base64 makes three of a quarter each the most that fits.
  expect(Math.max(...node.posts)).toBe(2);
  expect(node.ids).toEqual(ids);
});

it("after a rejection within a batch, the messages before it count as delivered, and the rejected one is posted again alone", async () => {
  node.answerBatch = (arrivals) => {
    const at = arrivals.findIndex(({ id }) => id === "m4");
    return at === -1 ? { status: 202 } : { status: 404, accepted: at };
  };
  const decide = node.answer;
  expect(decide).toBe(take);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  node.answer = (arrival, response, request) => {
    void released.then(() => (arrival.id === "m4" ? response.writeHead(403).end('{"error":"not you"}') : take(arrival, response, request)));
  };
  const queue = harness.open();
  const ids = Array.from({ length: 9 }, (_, index) => `m${index}`);
  await Promise.all(ids.map((id) => harness.send(queue, bob, { id })));
  await node.until(() => node.posts.length === 1);
  release();
  await harness.until(() => harness.delivered.length + harness.dead.length === ids.length);
  expect(harness.delivered).toEqual(ids.filter((id) => id !== "m4"));
  expect(harness.dead).toMatchObject([{ id: "m4", cause: { code: "refused", status: 403 } }]);
  // m0; m1 to m8, of which three are taken; m4; the rest, first alone, then in growing batches.
  expect(node.posts).toEqual([1, 8, 1, 1, 2, 1]);
});

it("a batch that is rejected as a whole is posted message by message until one is accepted", async () => {
  let isFirst = true;
  node.answerBatch = () => {
    const status = isFirst ? 413 : 202;
    isFirst = false;
    return { status };
  };
  const ids = await sendTogether(6);
  expect(harness.delivered).toEqual(ids);
  expect(node.posts).toEqual([1, 5, 1, 2, 2]);
});

it("a node that accepts one message of each batch causes little more encryption than one that accepts all", async () => {
  node.answerBatch = (arrivals) => ({ status: 429, accepted: Math.min(1, arrivals.length - 1) });
  const ids = await sendTogether(200);
  expect(harness.delivered).toEqual(ids);
  const encrypted = node.posts.reduce((sum, count) => sum + count);
  expect(encrypted).toBeLessThan(2 * ids.length + MAX_BATCH_ENVELOPES);
});

it.each([0, -1, 5, 99, "2", null])("a rejection that says accepted: %j of 5 counts for none of them", async (accepted) => {
  let isFirst = true;
  node.answerBatch = () => {
    const status = isFirst ? 503 : 202;
    isFirst = false;
    return { status, accepted: accepted as number };
  };
  const ids = await sendTogether(6);
  expect(harness.delivered).toEqual(ids);
  expect(node.ids.filter((id) => id === "m1")).toHaveLength(2);
});
