import { afterEach, beforeEach, expect, it } from "vitest";
import type { Outbound } from "../../../src/federation/outbound/outbound.ts";
import { Harness } from "./harness.ts";
import { take, type RemoteResponse, type Partner } from "./partner.ts";

const dead: RemoteResponse = (_, response) => response.socket?.destroy();
const badGateway: RemoteResponse = (_, response) => response.writeHead(502).end();

let harness: Harness;
let node: Partner;
let queue: Outbound;

beforeEach(async () => {
  harness = new Harness();
  node = await harness.partner();
  node.answer = dead;
  // Nothing is asked again within the time of a test, but for what is heard.
  queue = harness.open({ limits: { retryMs: 600_000, maxRetryMs: 600_000 } });
});
afterEach(() => harness.close());

/** Two messages of different pairs fail; a third one waits at the gate. */
async function closeGate(): Promise<string> {
  const recipients = [node.agent("bob"), node.agent("carol")];
  await Promise.all(recipients.map((recipient) => harness.send(queue, recipient)));
  await harness.until(() => harness.retried.length === 2);
  return harness.send(queue, node.agent("dave"));
}

it.each([
  ["gave no answer", dead],
  ["is away behind its proxy", badGateway],
])("a node that %s is asked again when one of its agents is heard of", async (_, answer) => {
  node.answer = answer;
  const id = await closeGate();
  node.answer = take;
  queue.hint(node.agent("eve"), harness.world.resolver);
  await harness.until(() => harness.delivered.length > 0);
  expect(harness.delivered[0]).toBe(id);
});

it("a hint about an agent of a host makes the queue resolve the host's documents again", async () => {
  let gone = true;
  node.beforeDocument = () => (gone ? Promise.reject(new Error("gone")) : Promise.resolve());
  node.answer = take;
  const recipients = [node.agent("bob"), node.agent("carol")];
  await Promise.all(recipients.map((recipient) => harness.send(queue, recipient)));
  await harness.until(() => harness.retried.length === 2);
  gone = false;
  const id = await harness.send(queue, node.agent("dave"));
  queue.hint(node.agent("eve"), harness.world.resolver);
  await harness.until(() => harness.delivered.length > 0);
  expect(harness.delivered[0]).toBe(id);
});

it("hints about agents of other nodes, or without documents, have no effect", async () => {
  const other = await harness.partner("other.localhost");
  await closeGate();
  const tried = node.arrivals.length;
  queue.hint(other.agent("mallory"), harness.world.resolver);
  queue.hint("did:web:node-1.localhost:nobody", harness.world.resolver);
  await new Promise((resolve) => setImmediate(resolve));
  expect(node.arrivals).toHaveLength(tried);
  expect(queue.depth()).toMatchObject({ messages: 3 });
  expect(harness.failures).toEqual([]);
});
