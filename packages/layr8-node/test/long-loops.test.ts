import { memoryRecords, SealingKey } from "@parley/storage";
import { TimeSlice } from "@parley/core/internal";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "../src/deadlines.ts";
import { Dids } from "../src/identity/dids.ts";
import type { DidRecord } from "../src/identity/hosted-did.ts";
import { MemoryInbox } from "../src/inbox/memory-inbox.ts";
import { InboxReader } from "../src/routing/deliver/inbox-reader.ts";
import { boxOf } from "./inbox/box-of.ts";
import { ThreadRoutes } from "../src/routing/deliver/thread-routes.ts";
import { Harness } from "./federation/outbound/harness.ts";

const COUNT = 1000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Every step counts as long: each must be followed by a turn of the event loop. Returns how often one was given. */
function everyStepIsLong(): () => number {
  vi.spyOn(TimeSlice.prototype, "isOver", "get").mockReturnValue(true);
  const next = vi.spyOn(TimeSlice.prototype, "next");
  return () => next.mock.calls.length;
}

describe("the event loop is not blocked", () => {
  it("while ephemeral DIDs expire, and each is yielded before the next one is checked", async () => {
    const dids = new Dids({ records: memoryRecords<DidRecord>(), nodeKey: SealingKey.random(), now: () => 0 });
    const owner = { id: "key", name: "key", dids: "any", ephemeral: true, createdAt: 0 } as const;
    for (let number = 0; number < COUNT; number += 1) await dids.assign("host.example", owner);
    const turns = everyStepIsLong();
    let gone = 0;
    for await (const did of dids.expire(1, () => false)) {
      gone += 1;
      expect(dids.has(did)).toBe(false);
      expect(turns()).toBeLessThanOrEqual(gone);
    }
    expect(gone).toBe(COUNT);
    expect(turns()).toBeGreaterThanOrEqual(COUNT);
  });

  it("while messages for other nodes that expire in the same second are dead-lettered", async () => {
    const harness = new Harness();
    const node = await harness.partner();
    node.answer = (_, response) => response.writeHead(503).end();
    const expiresAt = Date.now() + 1000;
    const turns = everyStepIsLong();
    const queue = harness.open({ limits: { retryMs: 60_000, maxRetryMs: 60_000 } });
    for (let number = 0; number < 20; number += 1) await harness.send(queue, node.agent(`bob-${number}`), { expiresAt });
    await harness.until(() => harness.dead.length === 20);
    expect(harness.dead.map(({ cause }) => cause.code)).toEqual(Array.from({ length: 20 }, () => "expired"));
    expect(turns()).toBeGreaterThanOrEqual(1);
    await harness.close();
  });

  it("while an inbox is read without a connection that has capacity", async () => {
    const inbox = new MemoryInbox();
    for (let number = 0; number < COUNT; number += 1) {
      await inbox.append({ recipient: "bob", id: `${number}`, type: "t", plaintext: "{}", authorized: true, expiresAt: Infinity });
    }
    const box = await boxOf(inbox, "bob");
    const turns = everyStepIsLong();
    let looked = 0;
    const backlog = new InboxReader({
      readAfter: (after) => box.read({ after, limit: 10, maxLength: 1000 }),
      look: ({ seq }) => {
        looked += 1;
        backlog.hold(seq);
      },
      isFull: () => false,
      onReadFailure: (error) => expect.unreachable(String(error)),
    });
    backlog.walk(0);
    await expect.poll(() => looked).toBe(COUNT);
    expect(turns()).toBeGreaterThanOrEqual(COUNT / 10);
  });
});

it("entries that were due and not read are due again a second later", () => {
  const deadlines = new Deadlines<{ readonly expiresAt: number }>(0);
  const entries = Array.from({ length: 3 }, () => ({ expiresAt: 500 }));
  entries.forEach((entry) => deadlines.add(entry));
  for (const entry of deadlines.due(1000)) {
    expect(entry).toBe(entries[0]);
    break;
  }
  expect([...deadlines.due(1500)]).toEqual([]);
  expect([...deadlines.due(2000)]).toEqual(entries.slice(1));
});

it("threads of an ended connection are forgotten, others are kept", () => {
  const threads = new ThreadRoutes<object>(10);
  const [first, second] = [{}, {}];
  threads.record("a", first);
  threads.record("b", second);
  threads.forget(first);
  expect([threads.find("a"), threads.find("b")]).toEqual([undefined, second]);
  expect(threads.hasSentSince(0, "a")).toBe(false);
  threads.record("a", first);
  expect(threads.find("a")).toBe(first);
});
