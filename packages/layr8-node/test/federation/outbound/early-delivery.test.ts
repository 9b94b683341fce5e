import { deferred, type Deferred } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryOutboundStore } from "../../../src/federation/outbound/memory-outbound-store.ts";
import type { Enqueued, Outbound } from "../../../src/federation/outbound/outbound.ts";
import type { OutboundMessage } from "../../../src/federation/outbound/outbound-message.ts";
import { outboundLimits } from "../../../src/federation/outbound/outbound-limits.ts";
import type { Appended } from "../../../src/federation/outbound/outbound-store.ts";
import { Harness } from "./harness.ts";
import { take, type Partner } from "./partner.ts";

/** A store whose disk answers when it is told to. */
class SlowStore extends MemoryOutboundStore {
  readonly writes: Deferred<void>[] = [];

  override async append(message: OutboundMessage, hasRoom?: boolean): Promise<Appended> {
    const appended = await super.append(message, hasRoom);
    if (appended.status !== "stored") return appended;
    const write = deferred<void>();
    this.writes.push(write);
    return { ...appended, durable: write.promise };
  }
}

const FULL = new StorageError("storage_failed", "The disk is full");

describe("a message that is still being written", () => {
  let harness: Harness;
  let node: Partner;
  let bob: string;
  let store: SlowStore;
  let queue: Outbound;

  beforeEach(async () => {
    harness = new Harness();
    node = await harness.partner();
    bob = node.agent("bob");
    store = new SlowStore(outboundLimits());
    queue = harness.open({ store });
  });
  afterEach(() => harness.close());

  async function enqueue(): Promise<Extract<Enqueued, { status: "stored" }>> {
    const enqueued = await queue.enqueue(harness.message(bob));
    if (enqueued.status !== "stored") throw new Error(enqueued.status);
    return enqueued;
  }

  it("is posted before it is durable, and acknowledged to its sender once it is", async () => {
    const { durable } = await enqueue();
    let safe = false;
    void durable.then(() => (safe = true));
    await harness.until(() => harness.delivered.length === 1);
    expect(safe).toBe(false);
    store.writes[0]?.resolve();
    await durable;
    await expect.poll(() => queue.depth()).toMatchObject({ messages: 0, pairs: 0 });
  });

  it("is not retried after its write failed, and later messages are sent", async () => {
    let answer: (() => void) | undefined;
    node.answer = (_, response) => {
      answer = () => response.writeHead(202).end();
      node.answer = take;
    };
    await enqueue();
    await node.until(() => answer !== undefined);
    const [lost] = [await enqueue(), await enqueue()];
    store.writes[1]?.reject(FULL);
    await expect(lost.durable).rejects.toBe(FULL);
    expect(queue.depth().messages).toBe(2);
    answer?.();
    await harness.until(() => harness.delivered.length === 2);
    expect(node.ids).toEqual(["message-1", "message-3"]);
    await expect.poll(() => queue.depth()).toMatchObject({ messages: 0, length: 0 });
  });

  it("may have been delivered although its write failed, and leaves no record", async () => {
    let answer: (() => void) | undefined;
    node.answer = (_, response) => {
      answer = () => response.writeHead(202).end();
    };
    const { durable } = await enqueue();
    await node.until(() => answer !== undefined);
    store.writes[0]?.reject(FULL);
    await expect(durable).rejects.toBe(FULL);
    answer?.();
    await harness.until(() => harness.delivered.length === 1);
    await expect.poll(() => queue.depth()).toEqual({ messages: 0, length: 0, pairs: 0, blocked: 0 });
    expect([harness.dead, harness.failures]).toEqual([[], []]);
  });

  it("is reported once when the other node rejects it", async () => {
    node.answer = (_, response) => response.writeHead(403).end();
    const { durable } = await enqueue();
    await harness.until(() => harness.dead.length === 1);
    store.writes[0]?.resolve();
    await durable;
    await expect.poll(() => queue.depth()).toMatchObject({ messages: 0, pairs: 0 });
    expect(harness.dead).toMatchObject([{ cause: { code: "refused" } }]);
  });
});
