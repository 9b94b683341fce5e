import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Appended, Inbox, InboxLimits, InboxMessage, IncomingMessage } from "../../src/inbox/inbox.ts";

/** What the suite asks of an implementation's test. */
export interface InboxUnderTest {
  readonly inbox: Inbox;
  /** Closes the inbox and opens it again as after a restart. Absent when nothing survives one; then `durable` is false. */
  reopen?(): Promise<Inbox>;
  cleanup(): Promise<void>;
}

/** What the suite wants of an inbox: these limits, and this clock. */
export interface InboxSetup {
  readonly limits: Partial<InboxLimits>;
  now(): number;
}

type Stored = Exclude<Appended, { readonly status: "stored" }> | { readonly status: "stored"; readonly message: InboxMessage };

const ALICE = "did:web:alice.example";
const BOB = "did:web:bob.example:agents:bob";
const LIMITS = { maxMessages: 5, maxLength: 2000, deduplicationMs: 60_000, remoteDeduplicationMs: 600_000 };
const ALL = { after: 0, limit: 100, maxLength: 1_000_000 };

/** The rules of {@link Inbox}, for any implementation. Calls `describe`; the whole test of an implementation is a call to it. */
export function inboxCompliance(
  name: string,
  create: (setup: InboxSetup) => Promise<InboxUnderTest>,
  { durable = true }: { readonly durable?: boolean } = {},
): void {
  describe(name, () => {
    let clock = 1_800_000_000_000;
    let counter = 0;
    let under: InboxUnderTest;
    let inbox: Inbox;

    beforeEach(async () => {
      under = await create({ limits: LIMITS, now: () => clock });
      inbox = under.inbox;
    });
    afterEach(() => under.cleanup());

    function message(changes: Partial<IncomingMessage> = {}): IncomingMessage {
      const id = changes.id ?? `message-${++counter}`;
      return {
        recipient: ALICE,
        id,
        from: BOB,
        type: "https://example.org/test/1.0/ping",
        plaintext: JSON.stringify({ id, body: {} }),
        authorized: true,
        expiresAt: clock + 1000,
        ...changes,
      };
    }

    /** Appends, and waits until the message is safe. */
    async function append(incoming: IncomingMessage): Promise<Stored> {
      const appended = await inbox.append(incoming);
      if (appended.status !== "stored") return appended;
      const { durable, ...stored } = appended;
      await durable;
      return stored;
    }

    async function store(changes: Partial<IncomingMessage> = {}): Promise<number> {
      const appended = await append(message(changes));
      if (appended.status !== "stored") throw new Error(`append: ${appended.status}`);
      return appended.message.seq;
    }

    async function ids(recipient = ALICE): Promise<string[]> {
      return (await inbox.read(recipient, ALL)).map(({ id }) => id);
    }

    async function seqs(recipient = ALICE): Promise<number[]> {
      return (await inbox.read(recipient, ALL)).map(({ seq }) => seq);
    }

    it("returns a stored message with all of its members", async () => {
      const sent = message({
        thread: "t-1",
        parentThread: "p-1",
        authorized: false,
        senderCredentials: '[{"credential_subject":{"id":"ü"}}]',
        plaintext: '{"b":"ü€😀\\ud800 \\u0000"}',
        id: "id\u0000\ud800",
      });
      const appended = await append(sent);
      const expected = { ...sent, seq: expect.any(Number), attempts: 0 };
      expect(appended).toEqual({ status: "stored", message: expected });
      expect(await inbox.read(ALICE, ALL)).toEqual([expected]);
    });

    it("leaves absent members absent", async () => {
      const { from: _, ...anonymous } = message();
      await append(anonymous);
      const [read] = await inbox.read(ALICE, ALL);
      const { from, thread, parentThread, senderCredentials, ...present } = read ?? {};
      expect([from, thread, parentThread, senderCredentials]).toEqual([undefined, undefined, undefined, undefined]);
      expect(Object.values(present)).not.toContain(undefined);
    });

    it("accepts DIDs of 2048 characters that differ in the last one", async () => {
      const long = `did:web:${"a".repeat(2039)}`;
      await store({ recipient: `${long}1`, id: "one" });
      await store({ recipient: `${long}2`, id: "two" });
      expect(await ids(`${long}1`)).toEqual(["one"]);
      expect(await ids(`${long}2`)).toEqual(["two"]);
    });

    it("resolves concurrent appends in the order of the calls, with ascending seqs from 1", async () => {
      const order: string[] = [];
      const found = await Promise.all(
        ["a", "b", "c", "d"].map(async (id) => {
          const seq = await store({ id });
          order.push(id);
          return seq;
        }),
      );
      expect(order).toEqual(["a", "b", "c", "d"]);
      expect(found).toEqual(found.toSorted((a, b) => a - b));
      expect(new Set(found).size).toBe(4);
      expect(found[0]).toBeGreaterThanOrEqual(1);
      expect(await ids()).toEqual(order);
    });

    it("keeps the inboxes of recipients apart", async () => {
      const seq = await store({ id: "same" });
      await store({ id: "same", recipient: BOB });
      await inbox.settle(BOB, [seq]);
      expect(await ids()).toEqual(["same"]);
      expect([...inbox.recipients()].toSorted()).toEqual([ALICE, BOB].toSorted());
    });

    it("reads after a seq, up to a limit and a length, at least one", async () => {
      const first = await store({ id: "1", plaintext: "x".repeat(100) });
      await store({ id: "2", plaintext: "x".repeat(100) });
      await store({ id: "3", plaintext: "x".repeat(100) });
      const read = async (options: Partial<typeof ALL>): Promise<string[]> =>
        (await inbox.read(ALICE, { ...ALL, ...options })).map(({ id }) => id);
      expect(await read({ after: first })).toEqual(["2", "3"]);
      expect(await read({ limit: 2 })).toEqual(["1", "2"]);
      expect(await read({ maxLength: 1 })).toEqual(["1"]);
      expect(await read({ maxLength: 150 })).toEqual(["1", "2"]);
      expect(await read({ after: first + 1_000_000 })).toEqual([]);
      expect(await inbox.read("did:web:nobody.example", ALL)).toEqual([]);
    });

    it("reads expired messages too", async () => {
      await store({ id: "late", expiresAt: clock - 1 });
      expect(await ids()).toEqual(["late"]);
    });

    it("settles messages permanently, and ignores unknown seqs", async () => {
      const [first, , third] = [await store({ id: "1" }), await store({ id: "2" }), await store({ id: "3" })];
      await inbox.settle(ALICE, [third, first, first, 999_999_999]);
      await inbox.settle("did:web:nobody.example", [first]);
      expect(await ids()).toEqual(["2"]);
      await inbox.settle(ALICE, await seqs());
      expect(inbox.depth(ALICE)).toEqual({ messages: 0, length: 0 });
      expect(inbox.recipients()).toEqual([]);
    });

    it("never assigns a seq twice, not even the last one after its settle", async () => {
      const first = await store();
      await inbox.settle(ALICE, [first]);
      expect(await store()).toBeGreaterThan(first);
    });

    it("stores the same (recipient, sender, id) once, settled or not", async () => {
      const sent = message();
      const [first, second] = await Promise.all([append(sent), append(sent)]);
      expect([first.status, second.status]).toEqual(["stored", "duplicate"]);
      expect((await append({ ...sent, plaintext: "other" })).status).toBe("duplicate");
      await inbox.settle(ALICE, await seqs());
      expect((await append(sent)).status).toBe("duplicate");
    });

    it("distinguishes messages by recipient, sender and id", async () => {
      const sent = message();
      await append(sent);
      const { from: _, ...anonymous } = sent;
      const others = [{ ...sent, recipient: BOB }, { ...sent, from: "did:web:eve.example" }, { ...sent, id: "other" }, anonymous];
      for (const other of others) expect((await append(other)).status).toBe("stored");
    });

    it("forgets a message after the deduplication time", async () => {
      const sent = message();
      await append(sent);
      clock += LIMITS.deduplicationMs - 1;
      expect((await append(sent)).status).toBe("duplicate");
      clock += 1;
      expect((await append(sent)).status).toBe("stored");
      expect(inbox.depth(ALICE).messages).toBe(2);
    });

    it("stores the same message again if it has another expiry", async () => {
      const first = message({ expires: 1000 });
      await append(first);
      expect((await append(first)).status).toBe("duplicate");
      expect((await append({ ...first, expires: 1005 })).status).toBe("stored");
      expect((await append({ ...first, expires: undefined })).status).toBe("stored");
      expect((await append({ ...first, expires: 1005 })).status).toBe("duplicate");
    });

    it("remembers messages of other nodes for longer", async () => {
      const sent = message({ remote: true });
      await append(sent);
      clock += LIMITS.remoteDeduplicationMs - 1;
      expect((await append(sent)).status).toBe("duplicate");
      clock += 1;
      expect((await append(sent)).status).toBe("stored");
    });

    it("reports which messages of other nodes it remembers, pending ones included", async () => {
      const [sent, local] = [message({ remote: true }), message()];
      expect(await inbox.remembers(sent)).toBe(false);
      const storing = append(sent);
      expect(await inbox.remembers(sent)).toBe(true);
      await storing;
      await append(local);
      await inbox.drop(ALICE);
      expect(await inbox.remembers(sent)).toBe(true);
      expect(await inbox.remembers(local)).toBe(false);
      expect(await inbox.remembers({ ...sent, from: "did:web:eve.example" })).toBe(false);
    });

    it("rejects messages above its limit, pending ones included, and accepts them later", async () => {
      const sent = Array.from({ length: 7 }, () => message());
      const statuses = (await Promise.all(sent.map((one) => append(one)))).map(({ status }) => status);
      expect(statuses).toEqual(["stored", "stored", "stored", "stored", "stored", "full", "full"]);
      expect((await append(message({ recipient: BOB }))).status).toBe("stored");
      await inbox.settle(ALICE, (await seqs()).slice(0, 1));
      expect((await append(sent[6] ?? message())).status).toBe("stored");
    });

    it("rejects more characters than its limit", async () => {
      await store({ plaintext: "x".repeat(1500) });
      expect((await append(message({ plaintext: "x".repeat(501) }))).status).toBe("full");
      await store({ plaintext: "x".repeat(500) });
      expect(inbox.depth(ALICE)).toEqual({ messages: 2, length: 2000 });
    });

    it("counts an append from its call on", async () => {
      const appending = store({ plaintext: "xyz" });
      expect(inbox.depth(ALICE)).toEqual({ messages: 1, length: 3 });
      await appending;
      expect(inbox.depth(ALICE)).toEqual({ messages: 1, length: 3 });
    });

    it("records attempts", async () => {
      const [first, second] = [await store(), await store()];
      await inbox.recordAttempts(ALICE, second, 3);
      await inbox.recordAttempts(ALICE, 999_999_999, 7);
      await inbox.recordAttempts("did:web:nobody.example", first, 7);
      expect((await inbox.read(ALICE, ALL)).map(({ attempts }) => attempts)).toEqual([0, 3]);
    });

    it("drops all messages of one recipient and still remembers them", async () => {
      const sent = message();
      const appending = [append(sent), append(message({ recipient: BOB, id: "kept" }))];
      await inbox.drop(ALICE);
      await Promise.all(appending);
      expect(await ids()).toEqual([]);
      expect(inbox.depth(ALICE)).toEqual({ messages: 0, length: 0 });
      expect(await ids(BOB)).toEqual(["kept"]);
      expect((await append(sent)).status).toBe("duplicate");
      await store({ id: "after" });
      expect(await ids()).toEqual(["after"]);
    });

    it("completes pending writes on close, and rejects later calls", async () => {
      const appending = append(message());
      await inbox.close();
      await inbox.close();
      expect((await appending).status).toBe("stored");
      await expect(append(message())).rejects.toMatchObject({ code: "storage_failed" });
      await expect(inbox.read(ALICE, ALL)).rejects.toMatchObject({ code: "storage_failed" });
      await expect(inbox.settle(ALICE, [1])).rejects.toMatchObject({ code: "storage_failed" });
    });

    if (!durable) return;

    it("keeps messages, attempts, depths and duplicates over a restart", async () => {
      const reopen = async (): Promise<Inbox> => {
        if (under.reopen === undefined) throw new Error("A durable inbox must reopen");
        return under.reopen();
      };
      const kept = message({ id: "kept" });
      const settled = message({ id: "settled" });
      await append(kept);
      const [second, third] = [await store({ id: "tried", plaintext: "12345" }), await store(settled)];
      await inbox.recordAttempts(ALICE, second, 2);
      await inbox.settle(ALICE, [third]);
      const before = await inbox.read(ALICE, ALL);
      const depth = inbox.depth(ALICE);

      inbox = await reopen();
      expect(await inbox.read(ALICE, ALL)).toEqual(before);
      expect(before.map(({ id, attempts }) => [id, attempts])).toEqual([
        ["kept", 0],
        ["tried", 2],
      ]);
      expect(inbox.depth(ALICE)).toEqual(depth);
      expect(inbox.recipients()).toEqual([ALICE]);
      expect((await append(kept)).status).toBe("duplicate");
      expect((await append(settled)).status).toBe("duplicate");
      expect(await store()).toBeGreaterThan(third);

      clock += LIMITS.deduplicationMs;
      inbox = await reopen();
      expect((await append(settled)).status).toBe("stored");
    });
  });
}
