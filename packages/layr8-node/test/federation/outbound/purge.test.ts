import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Harness } from "./harness.ts";

let harness: Harness;

beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.close());

describe("messages that an operator removes", () => {
  it("are reported as undeliverable, in order, and those behind them are sent", async () => {
    const node = await harness.partner();
    const [bob, carol] = [node.agent("bob"), node.agent("carol")];
    node.answer = (_, response) => void response.writeHead(503, { "retry-after": "3600" }).end();
    const queue = harness.open();
    const ids = [await harness.send(queue, bob), await harness.send(queue, bob), await harness.send(queue, bob)];
    await harness.send(queue, carol);
    await harness.until(() => harness.retried.length === 2);
    const selection = { sender: harness.alice, recipient: bob };
    const page = { limit: 10, maxLength: 1_000_000 };
    const listed = queue.list(selection, page);
    expect(listed.map(({ id, isBeingSent }) => [id, isBeingSent])).toEqual(ids.map((id) => [id, false]));
    expect(queue.list(selection, { limit: 2, maxLength: 1 })).toHaveLength(1);
    const [, second] = listed;
    expect(queue.purge({ ...selection, seq: second?.seq })).toEqual({ purged: 1, beingSent: 0 });
    expect(queue.purge({ ...selection, seq: second?.seq })).toEqual({ purged: 0, beingSent: 0 });
    expect(queue.list(selection, page).map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    expect(queue.purge(selection)).toEqual({ purged: 2, beingSent: 0 });
    await harness.until(() => harness.dead.length === 3);
    const cause = { code: "purged", comment: "An operator of this node removed the message before the other node took it" };
    expect(harness.dead).toEqual([ids[1], ids[0], ids[2]].map((id) => ({ id, cause })));
    expect(queue.list(selection, page)).toEqual([]);
    await vi.waitFor(() => expect(queue.waiting(harness.alice)).toBe(1), { timeout: 60_000 });
    // Removed messages stay remembered: the sender's retry is a duplicate.
    expect(await queue.enqueue(harness.message(bob, { id: ids[0] ?? "" }))).toEqual({ status: "duplicate" });
  });

  it("stay while they are in a request: the other node may accept them", async () => {
    const node = await harness.partner();
    const bob = node.agent("bob");
    let accept = (): void => undefined;
    node.answer = (_, response) => {
      accept = () => void response.writeHead(202).end();
    };
    const queue = harness.open();
    const id = await harness.send(queue, bob);
    await node.until(() => node.ids.length === 1);
    const selection = { sender: harness.alice, recipient: bob };
    expect(queue.list(selection, { limit: 1, maxLength: 1 })).toMatchObject([{ id, isBeingSent: true }]);
    expect(queue.purge(selection)).toEqual({ purged: 0, beingSent: 1 });
    accept();
    await harness.until(() => harness.delivered.length === 1);
    expect(harness.dead).toEqual([]);
  });
});
