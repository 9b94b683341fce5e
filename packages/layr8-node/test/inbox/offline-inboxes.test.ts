import { numbersKey, type Environment, type Table } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import type { InboxMessage } from "../../src/inbox/inbox.ts";
import { encodeMessage } from "../../src/inbox/message-record.ts";
import { LmdbInbox } from "../../src/inbox/lmdb-inbox.ts";
import { Mailboxes } from "../../src/routing/deliver/mailboxes.ts";
import { routedMessage } from "../../src/routing/routed-message.ts";
import { PASSED } from "../../src/routing/rejection.ts";
import { MessageStore } from "../../src/routing/store/message-store.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { boxOf } from "./box-of.ts";

const DIDS = 500;
const PER_DID = 10;
const DAY = 24 * 60 * 60_000;
const didOf = (index: number): string => `did:web:host.example:agents:${index}`;

describe("inboxes of agents without a connection", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let now: number;
  let environment: LmdbEnvironment;
  let reads: Map<string, number>;
  let dead: InboxMessage[];

  beforeEach(async () => {
    directory = await temporaryDirectory();
    environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    now = 1_800_000_000_000;
    dead = [];
  });
  afterEach(async () => {
    await environment.close();
    await directory.remove();
  });

  /** The environment, with a count of the rows that are read of each table. */
  function counting(): Environment {
    reads = new Map();
    const count = (name: string): void => void reads.set(name, (reads.get(name) ?? 0) + 1);
    const wrap = (name: string, table: Table): Table =>
      new Proxy(table, {
        get(target, member) {
          const value: unknown = Reflect.get(target, member, target);
          if (typeof value !== "function") return value;
          if (member !== "getRange" && member !== "getKeys") return value.bind(target) as unknown;
          return function* counted(...args: unknown[]) {
            for (const row of Reflect.apply(value, target, args) as Iterable<unknown>) {
              count(name);
              yield row;
            }
          };
        },
      });
    return { writes: environment.writes, table: (name) => wrap(name, environment.table(name)) };
  }

  async function fill(expiresAt: (index: number) => number = () => now + DAY): Promise<void> {
    const inbox = await LmdbInbox.open(environment, { now: () => now });
    const appended = await Promise.all(
      Array.from({ length: DIDS * PER_DID }, (_, index) =>
        inbox.append({
          recipient: didOf(index % DIDS),
          id: String(index),
          from: didOf(0),
          type: "https://example.org/t/1.0/m",
          plaintext: "{}",
          authorized: true,
          expiresAt: expiresAt(index % DIDS),
        }),
      ),
    );
    for (const one of appended) if (one.status === "stored") await one.durable;
    await inbox.close();
  }

  function open(inbox: LmdbInbox): { readonly mailboxes: Mailboxes; readonly store: MessageStore; sweep(): void } {
    const clock = { monotonic: () => now, expiry: () => now, lifetimeStart: () => now };
    const onFailure = (error: unknown): void => {
      throw error;
    };
    const mailboxes = new Mailboxes({
      inbox,
      delivery: { ackTimeoutMs: 1000, maxAckTimeoutMs: 1000, window: { maxMessages: 10, maxLength: 1000 }, maxThreads: 10, clock },
      events: { onDelivered: () => undefined, onFailure },
    });
    mailboxes.onUndelivered({ onDead: (message) => dead.push(message), onFailed: () => undefined });
    const store = new MessageStore(mailboxes, {
      inbox,
      remote: {
        check: () => PASSED,
        send: () => Promise.reject(new Error("no recipient is on another node")),
        sendSystemMessage: () => Promise.resolve(),
      },
      isHosted: () => true,
      crypto: {
        keysAtAgent: () => false,
        keysAtNode: () => true,
        open: () => Promise.reject(new Error("nothing is encrypted")),
        seal: () => Promise.reject(new Error("nothing is encrypted")),
      },
      ownerOf: () => undefined,
      limits: { messageTtlMs: DAY, maxInboxMessages: 1000, maxWaitingMessagesPerKey: 1_000_000 },
      checkDelivery: () => PASSED,
      clock,
      onFailure,
    });
    return {
      mailboxes,
      store,
      sweep: () => {
        store.sweep();
        mailboxes.sweep();
      },
    };
  }

  /** Sweeps a second apart until nothing more expires. */
  async function sweepUntil({ sweep }: Pick<ReturnType<typeof open>, "sweep">, count: number): Promise<void> {
    await expect
      .poll(() => {
        now += 1000;
        sweep();
        return dead.length;
      })
      .toBe(count);
  }

  it("are not read at start, except for one small record for each recipient", async () => {
    await fill();
    const inbox = await LmdbInbox.open(counting(), { now: () => now });
    expect(reads.get("messages") ?? 0).toBe(0);
    expect(reads.get("boxes")).toBe(DIDS);
    expect(inbox.totals().messages).toBe(DIDS * PER_DID);
    const router = open(inbox);
    for (let count = 0; count < 5; count++) {
      now += 1000;
      router.sweep();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reads.get("messages") ?? 0).toBe(0);
    expect((await inbox.depth(didOf(7))).messages).toBe(PER_DID);
    // They were appended at once, so that they share a record.
    expect(reads.get("messages")).toBe(1);
  });

  it("are emptied when their messages expire, without reading the others", async () => {
    await fill((index) => (index < 3 ? now + 5000 : now + DAY));
    const inbox = await LmdbInbox.open(counting(), { now: () => now });
    const router = open(inbox);
    now += 5000;
    await sweepUntil(router, 3 * PER_DID);
    expect(dead.every(({ recipient }) => [0, 1, 2].map(didOf).includes(recipient))).toBe(true);
    // Keys to find out what has expired, and the messages to report them; each perhaps once more while the removal is under way.
    expect(reads.get("messages")).toBeLessThanOrEqual(3 * PER_DID * 4);
    await expect.poll(() => inbox.totals().messages).toBe((DIDS - 3) * PER_DID);
  });

  it("of an earlier version, whose records have no expiry, keep their messages until those expire", async () => {
    const { writes } = environment;
    for (const id of [1, 2]) {
      writes.put(environment.table("boxes"), numbersKey(id), Buffer.from(didOf(id)));
      for (const seq of [10, 20]) {
        const message = {
          recipient: didOf(id),
          id: `${id}-${seq}`,
          type: "https://example.org/t/1.0/m",
          plaintext: "{}",
          authorized: true,
        };
        const record = encodeMessage({ ...message, expiresAt: now + (seq === 10 ? 2000 : DAY) });
        writes.put(environment.table("messages"), numbersKey(id, seq + id, 2), record);
      }
    }
    writes.put(environment.table("inbox"), Buffer.from("floor"), numbersKey(1000));
    await writes.flush();
    const inbox = await LmdbInbox.open(environment, { now: () => now });
    const box = await boxOf(inbox, didOf(1));
    expect((await box.read({ after: 0, limit: 10, maxLength: 1000 })).map(({ id }) => id)).toEqual(["1-10", "1-20"]);
    await box.close();
    now += 2000;
    await sweepUntil(open(inbox), 2);
    expect(dead.map(({ id }) => id).toSorted()).toEqual(["1-10", "2-10"]);
    await expect.poll(async () => (await inbox.depth(didOf(1))).messages).toBe(1);
    await box.settle([21]);
    expect(await inbox.depth(didOf(1))).toEqual({ messages: 0, length: 0 });
  });

  it("deliver in order to an agent that connects while a message for it is being written", async () => {
    const inbox = await LmdbInbox.open(environment, { now: () => now });
    const router = open(inbox);
    const accept = (id: string): Promise<unknown> => {
      const message = { id, type: "https://example.org/t/1.0/m", to: [didOf(1)], body: {} };
      const origin = { sender: didOf(0), recipients: message.to, owner: "key", remote: false };
      return router.store.store(routedMessage(message, JSON.stringify({ id }), origin), didOf(1));
    };
    const got: string[] = [];
    const agent = {
      writable: true,
      lastHeardAt: 0,
      quietSince: 0,
      acknowledgesResponses: true,
      replies: false,
      deliver: (message: InboxMessage) => got.push(message.id),
      confirm: () => Promise.resolve(),
      probe: () => undefined,
      takenOver: () => undefined,
    };
    const first = accept("1");
    router.mailboxes.bind(didOf(1), agent, ["*"]);
    await Promise.all([first, accept("2"), accept("3")]);
    await expect.poll(() => got).toEqual(["1", "2", "3"]);
  });
});
