import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Box, BoxListener, Inbox, InboxMessage, MessageToStore } from "../../src/inbox/inbox.ts";
import { boxOf } from "./box-of.ts";

/** Several inboxes on one store. */
export interface InboxesUnderTest {
  /** Opens one more inbox. All find each other running. */
  open(): Promise<Inbox>;
  /** Ends an inbox's connection, as when its node is killed. */
  kill(inbox: Inbox): Promise<void>;
  cleanup(): Promise<void>;
}

const ALICE = "did:web:alice.example";
const BOB = "did:web:bob.example:agents:bob";
const ALL = { after: 0, limit: 1000, maxLength: 1_000_000 };

/** The rules of {@link Inbox} for nodes that share a store. */
export function severalNodesCompliance(name: string, create: (now: () => number) => Promise<InboxesUnderTest>): void {
  describe(name, () => {
    let clock = 1_800_000_000_000;
    let counter = 0;
    let under: InboxesUnderTest;
    let first: Inbox;
    let second: Inbox;

    beforeEach(async () => {
      under = await create(() => clock);
      first = await under.open();
      second = await under.open();
    });
    afterEach(() => under.cleanup());

    async function append(inbox: Inbox, changes: Partial<MessageToStore> = {}): Promise<void> {
      const id = changes.id ?? `message-${++counter}`;
      const message = { recipient: ALICE, id, from: BOB, type: "https://example.org/test/1.0/ping", authorized: true, ...changes };
      const appended = await inbox.append({ plaintext: JSON.stringify({ id }), expiresAt: clock + 1000, ...message });
      if (appended.status === "stored") await appended.durable;
    }

    async function read(box: Box): Promise<string[]> {
      return (await box.read(ALL)).map(({ id }) => id);
    }

    it("passes on what other nodes append, in order and once", async () => {
      const got: string[] = [];
      const listener: BoxListener = { onMessage: ({ id }) => void got.push(id), onExpired: () => undefined, onLost: () => undefined };
      const box = await first.open(ALICE, listener);
      const ids = Array.from({ length: 100 }, (_, index) => `m${index}`);
      await Promise.all(ids.map((id) => append(second, { id })));
      await append(second, { id: "m7" });
      await append(first, { id: "m8" });
      await append(first, { id: "last" });
      await expect.poll(() => got).toEqual([...ids, "last"]);
      expect(await read(box)).toEqual([...ids, "last"]);
    });

    it("has everything when another node opens the box, without what was settled, and notifies the former node", async () => {
      let lost = 0;
      const received: InboxMessage[] = [];
      const box = await first.open(ALICE, {
        onMessage: (message) => void received.push(message),
        onExpired: () => undefined,
        onLost: () => (lost += 1),
      });
      for (const id of ["1", "2", "3", "4"]) await append(second, { id });
      await expect.poll(() => received.length).toBe(4);
      const seqs = received.map(({ seq }) => seq);
      await box.settle(seqs.slice(1, 2));
      await box.recordAttempts(seqs[2] ?? 0, 3);
      const taken = await boxOf(second, ALICE);
      await expect.poll(() => lost).toBe(1);
      expect((await taken.read(ALL)).map(({ id, attempts }) => [id, attempts])).toEqual([
        ["1", 0],
        ["3", 3],
        ["4", 0],
      ]);
      await box.settle(seqs.slice(3));
      await expect.poll(() => read(taken)).toEqual(["1", "3"]);
      await append(first, { id: "2" });
      await append(first, { id: "4" });
      await append(first, { id: "5" });
      expect(await read(taken)).not.toContain("2");
      await expect.poll(() => read(taken)).toEqual(["1", "3", "5"]);
      expect(received.map(({ id }) => id)).toEqual(["1", "2", "3", "4"]);
    });

    it("keeps everything of a node that was killed", async () => {
      const box = await boxOf(first, ALICE);
      const ids = Array.from({ length: 300 }, (_, index) => `m${index}`);
      await Promise.all(ids.map((id) => append(first, { id })));
      const messages = await box.read(ALL);
      const settled = messages.filter((_, index) => index % 3 === 0);
      for (const { seq } of settled) await box.settle([seq]);
      await under.kill(first);
      expect(await read(await boxOf(second, ALICE))).toEqual(ids.filter((_, index) => index % 3 !== 0));
      expect(await second.depth(ALICE)).toMatchObject({ messages: 200 });
    });

    it("remembers messages of remote nodes on every node", async () => {
      await append(first, { id: "remote", remote: true });
      expect(await second.remembers({ recipient: ALICE, from: BOB, id: "remote", expires: undefined })).toBe(true);
      expect(await second.remembers({ recipient: ALICE, from: BOB, id: "other", expires: undefined })).toBe(false);
    });

    it("counts the messages of boxes that no node has open, at one node", async () => {
      const sweep = async (): Promise<number> => {
        clock += 1000;
        for (const inbox of [first, second]) for await (const { messages } of inbox.expired(clock)) expect(messages).toEqual([]);
        return first.totals().messages + second.totals().messages;
      };
      const later = { expiresAt: clock + 1_000_000 };
      for (const recipient of [ALICE, ALICE, BOB]) await append(first, { recipient, ...later });
      await append(second, { id: "twice", ...later });
      await append(first, { id: "twice", ...later });
      await expect.poll(sweep).toBe(4);
      const box = await boxOf(second, ALICE);
      await box.settle((await box.read(ALL)).slice(0, 2).map(({ seq }) => seq));
      await append(first, { recipient: ALICE, ...later });
      await expect.poll(sweep).toBe(3);
      await box.close();
      await append(first, { recipient: ALICE, ...later });
      await expect.poll(sweep).toBe(4);
      await (await second.peek(BOB)).drop();
      for (const inbox of [first, second]) await append(inbox, { recipient: BOB, ...later });
      await expect.poll(sweep).toBe(5);
      // An operator removes messages.
      await (await second.peek(BOB)).drop();
      clock += 11 * 60_000;
      await expect.poll(sweep).toBe(3);
    });

    it("finds expired messages at one node, unless a running node has the box open", async () => {
      const found = async (inbox: Inbox): Promise<string[]> => {
        const ids: string[] = [];
        for await (const { box, messages } of inbox.expired(clock)) {
          ids.push(...messages.map(({ id }) => id));
          await box.settle(messages.map(({ seq }) => seq));
        }
        return ids;
      };
      await append(second, { id: "attended", recipient: BOB });
      await boxOf(second, BOB);
      await append(second, { id: "unattended" });
      clock += 3000;
      const all: string[] = [];
      await expect
        .poll(async () => {
          all.push(...(await found(first)), ...(await found(second)));
          clock += 1000;
          return all;
        })
        .toEqual(["unattended"]);
    });
  });
}
