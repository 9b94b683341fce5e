import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inboxMessage } from "../../../src/inbox/inbox-message.ts";
import { MemoryInbox } from "../../../src/inbox/memory-inbox.ts";
import type { InboxMessage } from "../../../src/inbox/inbox.ts";
import type { Consumer, Probe } from "../../../src/routing/deliver/consumer.ts";
import type { ReportedFailure } from "../../../src/routing/deliver/bound-mailbox.ts";
import { Mailbox } from "../../../src/routing/deliver/mailbox.ts";

const DID = "did:web:localhost:bob";
const ECHO = "https://layr8.io/protocols/echo/1.0";
const ORDER = "https://layr8.io/protocols/order/1.0";

class Agent implements Consumer {
  readonly got: { id: string; attempt: number }[] = [];
  writable = true;
  lastHeardAt = 0;
  quietSince = 0;
  acknowledgesResponses = false;
  replies = false;
  readonly probes: Probe[] = [];
  gone = false;
  deliver(message: InboxMessage, attempt: number): void {
    this.got.push({ id: message.id, attempt });
  }
  #confirm: (() => void) | undefined;
  confirm(): Promise<void> {
    return new Promise((resolve) => (this.#confirm = resolve));
  }
  confirmed(): void {
    this.#confirm?.();
  }
  probe(probe: Probe): void {
    this.probes.push(probe);
  }
  takenOver(): void {
    this.gone = true;
  }
  get ids(): string[] {
    return this.got.map(({ id }) => id);
  }
}

let now: number;
let inbox: MemoryInbox;
let mailbox: Mailbox;
let dead: [id: string, cause: string][];
let failed: [id: string, failure: ReportedFailure][];
let failures: unknown[];

/** Waits until all pending work is done: the memory inbox responds within one turn. */
const settled = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

async function arrive(id: string, more: Partial<InboxMessage> = {}): Promise<void> {
  await inbox.append({
    recipient: DID,
    id,
    from: "did:web:localhost:alice",
    type: `${ECHO}/request`,
    plaintext: `{"id":"${id}"}`,
    authorized: true,
    expiresAt: now + 1_000_000,
    ...more,
  });
}

async function waiting(): Promise<string[]> {
  const box = await mailbox.open();
  return (await box.read({ after: 0, limit: 1000, maxLength: 1_000_000 })).map(({ id }) => id);
}

beforeEach(() => {
  now = 1000;
  dead = [];
  failed = [];
  failures = [];
  inbox = new MemoryInbox({ now: () => now });
  mailbox = new Mailbox(
    DID,
    inbox,
    {
      ackTimeoutMs: 100,
      maxAckTimeoutMs: 350,
      window: { maxMessages: 4, maxLength: 1000 },
      maxThreads: 3,
      clock: { monotonic: () => now, expiry: () => now, lifetimeStart: () => now },
    },
    {
      onDelivered: () => {},
      onDead: (message, cause) => dead.push([message.id, cause]),
      onFailed: (message, failure, isReported) => !isReported && failed.push([message.id, failure]),
      onLost: () => {},
      onFailure: (error) => failures.push(error),
    },
  );
});

afterEach(() => {
  expect(failures).toEqual([]);
});

describe("Mailbox", () => {
  it("keeps messages until an agent connects, and delivers them in order", async () => {
    await arrive("1");
    await arrive("2");
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    await arrive("3");
    await settled();
    expect(agent.ids).toEqual(["1", "2", "3"]);
    expect(await waiting()).toEqual(["1", "2", "3"]);
  });

  it("removes handled messages only", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    for (const id of ["1", "2", "3"]) await arrive(id);
    await settled();
    mailbox.settle(agent, "2", "handled");
    mailbox.settle(agent, "3", "error");
    mailbox.settle(agent, "unknown", "handled");
    await settled();
    expect(await waiting()).toEqual(["1"]);
  });

  it("applies a settlement without id to the oldest delivery", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    for (const id of ["1", "2"]) await arrive(id);
    await settled();
    mailbox.settle(agent, undefined, "handled");
    await settled();
    expect(await waiting()).toEqual(["2"]);
  });

  it("ignores a settlement of a message in flight on another connection", async () => {
    const [echo, orders] = [new Agent(), new Agent()];
    mailbox.bind(echo, [ECHO]);
    mailbox.bind(orders, [ORDER]);
    await arrive("1");
    await settled();
    mailbox.settle(orders, "1", "handled");
    await settled();
    expect(await waiting()).toEqual(["1"]);
  });

  it("redelivers the unacknowledged messages of a lost connection in order, with their attempts", async () => {
    const first = new Agent();
    mailbox.bind(first, [ECHO]);
    for (const id of ["1", "2", "3"]) await arrive(id);
    await settled();
    mailbox.settle(first, "2", "handled");
    mailbox.unbind(first);
    const second = new Agent();
    mailbox.bind(second, [ECHO]);
    await arrive("4");
    await settled();
    expect(second.got).toEqual([
      { id: "1", attempt: 2 },
      { id: "3", attempt: 2 },
      { id: "4", attempt: 1 },
    ]);
  });

  it("moves messages in flight to a connection that takes over the protocol", async () => {
    const [old, young] = [new Agent(), new Agent()];
    mailbox.bind(old, [ECHO]);
    await arrive("1");
    await settled();
    mailbox.bind(young, [ECHO]);
    await settled();
    expect(old.gone).toBe(true);
    expect(young.got).toEqual([{ id: "1", attempt: 2 }]);
    mailbox.unbind(old);
    await arrive("2");
    await settled();
    expect(young.ids).toEqual(["1", "2"]);
  });

  it("keeps the messages of the remaining protocols on a connection that loses some", async () => {
    const [old, young] = [new Agent(), new Agent()];
    mailbox.bind(old, [ECHO, ORDER]);
    await arrive("1");
    await arrive("2", { type: `${ORDER}/created` });
    await settled();
    mailbox.bind(young, [ECHO]);
    await settled();
    expect(old.gone).toBe(false);
    expect(young.ids).toEqual(["1"]);
    await arrive("3", { type: `${ORDER}/created` });
    await settled();
    expect(old.ids).toEqual(["1", "2", "3"]);
  });

  it("redelivers unacknowledged messages, with a longer wait each time", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    await arrive("1");
    await settled();
    const deliveries: number[] = [];
    for (let elapsed = 0; elapsed <= 1000; elapsed += 10) {
      const before = agent.got.length;
      mailbox.sweep();
      await settled();
      if (agent.got.length > before) deliveries.push(elapsed);
      now += 10;
    }
    // Timeouts: 100, 200, then capped at 350.
    expect(deliveries).toEqual([100, 300, 650, 1000]);
    expect(agent.got.at(-1)).toEqual({ id: "1", attempt: 5 });
    expect((await (await mailbox.open()).read({ after: 0, limit: 1, maxLength: 1 }))[0]?.attempts).toBe(4);
  });

  it("holds messages beyond the window, and continues in order as it drains", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    const all = Array.from({ length: 12 }, (_, index) => `${index + 1}`);
    for (const id of all) await arrive(id);
    await settled();
    expect(agent.ids).toEqual(all.slice(0, 4));
    for (let next = 0; next < all.length; next++) {
      expect(agent.got.length - next).toBeLessThanOrEqual(4);
      mailbox.settle(agent, all[next], "handled");
      await settled();
    }
    expect(agent.ids).toEqual(all);
    expect(await waiting()).toEqual([]);
  });

  it("keeps the order if a message arrives while others are held", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    for (const id of ["1", "2", "3", "4", "5"]) await arrive(id);
    await settled();
    mailbox.settle(agent, "1", "handled");
    await arrive("6");
    await settled();
    for (const id of ["2", "3", "4", "5", "6"]) {
      mailbox.settle(agent, id, "handled");
      await settled();
    }
    expect(agent.ids).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("waits for a connection that is not writable, and continues when it is", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    agent.writable = false;
    for (const id of ["1", "2"]) await arrive(id);
    await settled();
    expect(agent.ids).toEqual([]);
    agent.writable = true;
    mailbox.resume(agent);
    await settled();
    expect(agent.ids).toEqual(["1", "2"]);
  });

  it("continues after all messages of a full window have timed out", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    for (const id of ["1", "2", "3", "4", "5"]) await arrive(id);
    await settled();
    now += 100;
    mailbox.sweep();
    await settled();
    expect(agent.got.slice(4)).toEqual(["1", "2", "3", "4"].map((id) => ({ id, attempt: 2 })));
    for (const id of ["1", "2", "3", "4"]) mailbox.settle(agent, id, "handled");
    await settled();
    expect(agent.ids.at(-1)).toBe("5");
  });

  it("does not wait for acknowledgements of responses, which older SDKs never send", async () => {
    const agent = new Agent();
    mailbox.bind(agent, []);
    for (const id of ["1", "2", "3", "4", "5"]) {
      mailbox.recordThread(`thread-${id}`, agent);
      await arrive(id, { thread: `thread-${id}`, parentThread: "thread-5" });
    }
    await settled();
    expect(agent.ids).toEqual(["1", "2", "3", "4"]);
    // The mailbox confirms once more, for messages delivered after the first confirmation began.
    for (let asked = 0; asked < 3; asked++) {
      agent.confirmed();
      await settled();
    }
    expect(agent.ids.at(-1)).toBe("5");
    expect(await waiting()).toEqual([]);
  });

  it("removes received messages on the agent's own threads from a full window, and keeps them in the inbox", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    for (const id of ["1", "2", "3", "4", "5"]) {
      mailbox.recordThread("thread", agent);
      await arrive(id, { thread: "thread" });
    }
    await settled();
    expect(agent.ids).toEqual(["1", "2", "3", "4"]);
    agent.confirmed();
    await settled();
    expect(agent.ids).toEqual(["1", "2", "3", "4", "5"]);
    mailbox.settle(agent, "2", "handled");
    await settled();
    expect(await waiting()).toEqual(["1", "3", "4", "5"]);
    now += 100;
    mailbox.sweep();
    await settled();
    expect(agent.got.slice(5).map(({ id }) => id)).toEqual(["1", "3", "4", "5"]);
  });

  it("keeps a message on the agent's own thread until it is acknowledged, if the agent has a handler for it", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    mailbox.recordThread("thread", agent);
    await arrive("1", { thread: "thread" });
    await settled();
    now += 100;
    agent.lastHeardAt = now;
    mailbox.sweep();
    await settled();
    expect(agent.got).toEqual([1, 2].map((attempt) => ({ id: "1", attempt })));
    expect(await waiting()).toEqual(["1"]);
  });

  it("does not apply a settlement without id to a response", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    mailbox.recordThread("thread", agent);
    await arrive("answer", { thread: "thread", type: `${ORDER}/created` });
    await arrive("1");
    await settled();
    mailbox.settle(agent, undefined, "handled");
    await settled();
    expect(await waiting()).toEqual(["answer"]);
  });

  it("does not let a slow connection of a DID stop another one", async () => {
    const [slow, quick] = [new Agent(), new Agent()];
    mailbox.bind(slow, [ECHO]);
    mailbox.bind(quick, [ORDER]);
    for (let i = 0; i < 10; i++) await arrive(`slow-${i}`);
    for (let i = 0; i < 3; i++) await arrive(`quick-${i}`, { type: `${ORDER}/created` });
    await settled();
    expect(slow.got).toHaveLength(4);
    expect(quick.ids).toEqual(["quick-0", "quick-1", "quick-2"]);
  });

  it("never has two messages with one id in flight, so that acknowledgements are unambiguous", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    await arrive("1");
    await arrive("1", { from: "did:web:localhost:mallory" });
    await settled();
    await arrive("2");
    expect(agent.ids).toEqual(["1", "2"]);
    mailbox.sweep();
    await settled();
    mailbox.settle(agent, "1", "handled");
    mailbox.sweep();
    await settled();
    expect(agent.ids).toEqual(["1", "2", "1"]);
  });

  it("routes responses to the connection that sent the request", async () => {
    const [requester, other] = [new Agent(), new Agent()];
    mailbox.bind(requester, []);
    mailbox.bind(other, ["*"]);
    mailbox.recordThread("thread-1", requester);
    await arrive("1", { thread: "thread-1" });
    await arrive("2", { thread: "sub", parentThread: "thread-1" });
    await arrive("3", { thread: "another" });
    await settled();
    expect(requester.ids).toEqual(["1", "2"]);
    expect(other.ids).toEqual(["3"]);
  });

  it("removes an overdue response if its connection has sent anything since, as SDKs don't acknowledge responses", async () => {
    const agent = new Agent();
    mailbox.bind(agent, []);
    mailbox.recordThread("t", agent);
    await arrive("1", { thread: "t" });
    await arrive("2", { thread: "t" });
    await settled();
    now += 100;
    mailbox.sweep();
    expect(agent.ids).toEqual(["1", "2", "1", "2"]);
    agent.lastHeardAt = now + 1000;
    now += 200;
    mailbox.sweep();
    await settled();
    expect(agent.got).toHaveLength(4);
    expect(await waiting()).toEqual([]);
  });

  it("drops the oldest threads beyond its limit", async () => {
    const [requester, other] = [new Agent(), new Agent()];
    mailbox.bind(requester, []);
    mailbox.bind(other, ["*"]);
    for (const thread of ["a", "b", "c", "d"]) mailbox.recordThread(thread, requester);
    await arrive("1", { thread: "a" });
    await arrive("2", { thread: "d" });
    await settled();
    expect(other.ids).toEqual(["1"]);
    expect(requester.ids).toEqual(["2"]);
  });

  it("offers a passed message to the next connection, and reports it without one", async () => {
    const [first, fallback] = [new Agent(), new Agent()];
    mailbox.bind(first, [ECHO]);
    mailbox.bind(fallback, ["*"]);
    await arrive("1");
    await settled();
    mailbox.settle(first, "1", "pass");
    expect(fallback.ids).toEqual(["1"]);
    mailbox.settle(fallback, "1", "pass");
    await settled();
    expect(dead).toEqual([["1", "unhandled"]]);
    expect(await waiting()).toEqual([]);
  });

  it("dead-letters expired messages, delivered or not, with or without a connection", async () => {
    await arrive("1", { expiresAt: now + 50 });
    await arrive("2");
    now += 60;
    mailbox.onExpired();
    await settled();
    expect(dead).toEqual([["1", "expired"]]);
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    await arrive("3", { expiresAt: now + 50 });
    await settled();
    expect(agent.ids).toEqual(["2", "3"]);
    now += 100;
    mailbox.sweep();
    await settled();
    expect(dead).toEqual([
      ["1", "expired"],
      ["3", "expired"],
    ]);
    expect(await waiting()).toEqual(["2"]);
  });

  it("retries if the inbox could not be read", async () => {
    await arrive("1");
    const box = await mailbox.open();
    const read = box.read.bind(box);
    box.read = () => Promise.reject(new Error("the disk is gone"));
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    await settled();
    expect(failures.splice(0)).toMatchObject([{ message: "the disk is gone" }]);
    box.read = read;
    mailbox.sweep();
    await settled();
    expect(agent.ids).toEqual(["1"]);
  });

  it("retracts a message that could not be stored", async () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    await settled();
    const box = await mailbox.open();
    const lost = inboxMessage(
      { recipient: DID, id: "lost", type: `${ECHO}/request`, plaintext: "{}", authorized: true, expiresAt: now + 1_000_000 },
      1,
      0,
    );
    const failing = Promise.reject(new Error("the disk is full"));
    mailbox.onMessage(lost, failing);
    expect(agent.ids).toEqual(["lost"]);
    await expect(failing).rejects.toThrow("the disk is full");
    expect(box.depth().messages).toBe(0);
    now += 1000;
    mailbox.sweep();
    await settled();
    expect(agent.ids).toEqual(["lost"]);
  });

  it("accepts messages of a bound protocol or on an open thread", () => {
    const agent = new Agent();
    mailbox.bind(agent, [ECHO]);
    mailbox.recordThread("t", agent);
    expect(mailbox.routes.find({ id: "1", type: `${ECHO}/request` })).toBe(agent);
    expect(mailbox.routes.find({ id: "1", type: `${ORDER}/created` })).toBeUndefined();
    expect(mailbox.routes.find({ id: "1", type: `${ORDER}/created`, thread: "t" })).toBe(agent);
    mailbox.unbind(agent);
    expect(mailbox.routes.find({ id: "1", type: `${ECHO}/request` })).toBeUndefined();
  });
});
