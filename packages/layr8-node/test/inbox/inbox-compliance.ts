import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Appended, Box, BoxListener, Inbox, InboxLimits, InboxMessage, MessageToStore } from "../../src/inbox/inbox.ts";

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

/** What an open box has received. */
class Listener implements BoxListener {
  readonly messages: InboxMessage[] = [];
  expired = 0;
  lost = 0;
  onMessage(message: InboxMessage): void {
    this.messages.push(message);
  }
  onExpired(): void {
    this.expired += 1;
  }
  onLost(): void {
    this.lost += 1;
  }
}

const ALICE = "did:web:alice.example";
const BOB = "did:web:bob.example:agents:bob";
const LIMITS = { maxMessages: 5, maxLength: 2000, deduplicationMs: 60_000, remoteDeduplicationMs: 600_000 };
const ALL = { after: 0, limit: 100, maxLength: 1_000_000 };

/**
 * The rules of {@link Inbox}, for any implementation. Calls `describe`; the whole test of an implementation is a call to it.
 *
 * @param options `durable`: messages survive a restart. `isShared`: nodes share the inbox, so that appends know of no other message.
 */
export function inboxCompliance(
  name: string,
  create: (setup: InboxSetup) => Promise<InboxUnderTest>,
  { durable = true, isShared = false }: { readonly durable?: boolean; readonly isShared?: boolean } = {},
): void {
  describe(name, () => {
    let clock = 1_800_000_000_000;
    let counter = 0;
    let under: InboxUnderTest;
    let inbox: Inbox;
    let boxes: Map<string, Promise<Box>>;

    beforeEach(async () => {
      under = await create({ limits: LIMITS, now: () => clock });
      inbox = under.inbox;
      boxes = new Map();
    });
    afterEach(() => under.cleanup());

    function message(changes: Partial<MessageToStore> = {}): MessageToStore {
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
    async function append(incoming: MessageToStore): Promise<Appended["status"]> {
      const appended = await inbox.append(incoming);
      if (appended.status === "stored") await appended.durable;
      return appended.status;
    }

    /** Stores a message as the last one of its recipient. Resolves to its seq. */
    async function store(changes: Partial<MessageToStore> = {}): Promise<number> {
      const incoming = message(changes);
      expect(await append(incoming)).toBe("stored");
      return (await seqs(incoming.recipient)).at(-1) ?? 0;
    }

    /** Appends a message again. An inbox that nodes share may store it; then it is not read. */
    async function expectDuplicate(incoming: MessageToStore): Promise<void> {
      expect(isShared ? ["duplicate", "stored"] : ["duplicate"]).toContain(await append(incoming));
    }

    /** The box of a recipient, opened on first use. */
    function box(recipient = ALICE): Promise<Box> {
      const opened = boxes.get(recipient) ?? inbox.open(recipient, new Listener());
      boxes.set(recipient, opened);
      return opened;
    }

    async function read(recipient = ALICE): Promise<readonly InboxMessage[]> {
      return (await box(recipient)).read(ALL);
    }

    async function ids(recipient = ALICE): Promise<string[]> {
      return (await read(recipient)).map(({ id }) => id);
    }

    async function seqs(recipient = ALICE): Promise<number[]> {
      return (await read(recipient)).map(({ seq }) => seq);
    }

    async function settle(seqsToSettle: readonly number[], recipient = ALICE): Promise<void> {
      await (await box(recipient)).settle(seqsToSettle);
    }

    it("returns a stored message with all of its members", async () => {
      const sent = message({
        thread: "t-1",
        parentThread: "p-1",
        authorized: false,
        asksForReceipts: true,
        senderCredentials: '[{"credential_subject":{"id":"ü"}}]',
        plaintext: '{"b":"ü€😀\\ud800 \\u0000"}',
        id: "id\u0000\ud800",
      });
      const listener = new Listener();
      await inbox.open(ALICE, listener);
      await append(sent);
      const expected = { ...sent, seq: expect.any(Number), attempts: 0 };
      await expect.poll(() => listener.messages).toEqual([expected]);
      expect(await read()).toEqual([expected]);
    });

    it("leaves absent members absent", async () => {
      const { from: _, ...anonymous } = message();
      await append(anonymous);
      const [found] = await read();
      const { from, thread, parentThread, senderCredentials, asksForReceipts, receivedAt, ...present } = found ?? {};
      const absent = [from, thread, parentThread, senderCredentials, asksForReceipts, receivedAt];
      expect(absent).toEqual(Array.from({ length: 6 }, () => undefined));
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
      const sent = ["a", "b", "c", "d"];
      await Promise.all(sent.map((id) => append(message({ id })).then(() => order.push(id))));
      expect(order).toEqual(sent);
      const found = await seqs();
      expect(found).toEqual(found.toSorted((a, b) => a - b));
      expect(new Set(found).size).toBe(4);
      expect(found[0]).toBeGreaterThanOrEqual(1);
      expect(await ids()).toEqual(order);
    });

    it("keeps the inboxes of recipients apart", async () => {
      const seq = await store({ id: "same" });
      await store({ id: "same", recipient: BOB });
      await settle([seq], BOB);
      expect(await ids()).toEqual(["same"]);
      expect(await ids(BOB)).toEqual(["same"]);
    });

    it("reads after a seq, up to a limit and a length, at least one", async () => {
      const first = await store({ id: "1", plaintext: "x".repeat(100) });
      await store({ id: "2", plaintext: "x".repeat(100) });
      await store({ id: "3", plaintext: "x".repeat(100) });
      const part = async (options: Partial<typeof ALL>): Promise<string[]> =>
        (await (await box()).read({ ...ALL, ...options })).map(({ id }) => id);
      expect(await part({ after: first })).toEqual(["2", "3"]);
      expect(await part({ limit: 2 })).toEqual(["1", "2"]);
      expect(await part({ maxLength: 1 })).toEqual(["1"]);
      expect(await part({ maxLength: 150 })).toEqual(["1", "2"]);
      expect(await part({ after: first + 1_000_000 })).toEqual([]);
      expect(await ids("did:web:nobody.example")).toEqual([]);
    });

    it("reads expired messages too", async () => {
      await store({ id: "late", expiresAt: clock - 1 });
      expect(await ids()).toEqual(["late"]);
    });

    it("settles messages permanently, and ignores unknown seqs", async () => {
      const [first, , third] = [await store({ id: "1" }), await store({ id: "2" }), await store({ id: "3" })];
      await settle([third, first, first, 999_999_999]);
      await settle([first], "did:web:nobody.example");
      expect(await ids()).toEqual(["2"]);
      await settle(await seqs());
      expect((await box()).depth()).toEqual({ messages: 0, length: 0 });
      expect(await inbox.depth(ALICE)).toEqual({ messages: 0, length: 0 });
      expect(inbox.totals()).toEqual({ messages: 0, length: 0 });
    });

    it("never assigns a seq twice, not even the last one after its settle", async () => {
      const first = await store();
      await settle([first]);
      expect(await store()).toBeGreaterThan(first);
    });

    it("stores the same (recipient, sender, id) once, settled or not", async () => {
      const sent = message();
      const [first] = await Promise.all([append(sent), expectDuplicate(sent)]);
      expect(first).toBe("stored");
      await expectDuplicate({ ...sent, plaintext: "other" });
      expect((await read()).map(({ plaintext }) => plaintext)).toEqual([sent.plaintext]);
      await settle(await seqs());
      await expectDuplicate(sent);
      expect(await ids()).toEqual([]);
    });

    it("distinguishes messages by recipient, sender and id", async () => {
      const sent = message();
      await append(sent);
      const { from: _, ...anonymous } = sent;
      const others = [{ ...sent, recipient: BOB }, { ...sent, from: "did:web:eve.example" }, { ...sent, id: "other" }, anonymous];
      for (const other of others) expect(await append(other)).toBe("stored");
    });

    it("shows the messages of a box without taking it over", async () => {
      const listener = new Listener();
      const opened = await inbox.open(ALICE, listener);
      const sent = message();
      await append(sent);
      const peeked = await (await inbox.peek(ALICE)).read(ALL);
      expect(peeked.map(({ id }) => id)).toEqual([sent.id]);
      expect(listener.lost).toBe(0);
      await opened.close();
    });

    it("forgets a message after the deduplication time", async () => {
      const sent = message();
      await append(sent);
      clock += LIMITS.deduplicationMs - 1;
      await expectDuplicate(sent);
      clock += 1;
      expect(await append(sent)).toBe("stored");
      expect(await ids()).toHaveLength(2);
    });

    it("stores the same message again if it has another expiry", async () => {
      const first = message({ expires: 1000 });
      await append(first);
      await expectDuplicate(first);
      expect(await append({ ...first, expires: 1005 })).toBe("stored");
      expect(await append({ ...first, expires: undefined })).toBe("stored");
      await expectDuplicate({ ...first, expires: 1005 });
    });

    it("remembers messages of other nodes for longer", async () => {
      const sent = message({ remote: true });
      await append(sent);
      clock += LIMITS.remoteDeduplicationMs - 1;
      await expectDuplicate(sent);
      clock += 1;
      expect(await append(sent)).toBe("stored");
    });

    it("reports which messages of other nodes it remembers, pending ones included", async () => {
      const [sent, local] = [message({ remote: true }), message()];
      expect(await inbox.remembers(sent)).toBe(false);
      const storing = append(sent);
      expect(await inbox.remembers(sent)).toBe(true);
      await storing;
      await append(local);
      await (await box()).drop();
      expect(await inbox.remembers(sent)).toBe(true);
      expect(await inbox.remembers(local)).toBe(false);
      expect(await inbox.remembers({ ...sent, from: "did:web:eve.example" })).toBe(false);
    });

    it("rejects messages above its limit, pending ones included, and accepts them later", async () => {
      const sent = Array.from({ length: 7 }, () => message());
      const statuses = await Promise.all(sent.map((one) => append(one)));
      expect(statuses).toEqual(["stored", "stored", "stored", "stored", "stored", "full", "full"]);
      expect(await append(message({ recipient: BOB }))).toBe("stored");
      await settle((await seqs()).slice(0, 1));
      expect(await append(sent[6] ?? message())).toBe("stored");
    });

    it("rejects more characters than its limit", async () => {
      await store({ plaintext: "x".repeat(1500) });
      expect(await append(message({ plaintext: "x".repeat(501) }))).toBe("full");
      await store({ plaintext: "x".repeat(500) });
      expect((await box()).depth()).toEqual({ messages: 2, length: 2000 });
      expect(await inbox.depth(ALICE)).toEqual({ messages: 2, length: 2000 });
    });

    it("counts an append from its call on", async () => {
      const opened = await box();
      const appending = append(message({ plaintext: "xyz" }));
      // Of shared inboxes, the listener receives the message later.
      const during = isShared ? 0 : 1;
      expect(opened.depth().messages).toBeGreaterThanOrEqual(during);
      await appending;
      await expect.poll(() => opened.depth()).toEqual({ messages: 1, length: 3 });
      expect(inbox.usage(ALICE)).toMatchObject({ messages: 1, length: 3 });
      expect(inbox.totals()).toEqual({ messages: 1, length: 3 });
    });

    it("records attempts", async () => {
      const [first, second] = [await store(), await store()];
      await (await box()).recordAttempts(second, 3);
      await (await box()).recordAttempts(999_999_999, 7);
      await (await box("did:web:nobody.example")).recordAttempts(first, 7);
      expect((await read()).map(({ attempts }) => attempts)).toEqual([0, 3]);
    });

    it("drops all messages of one recipient and still remembers them", async () => {
      const sent = message();
      const appending = [append(sent), append(message({ recipient: BOB, id: "kept" }))];
      await (await box()).drop();
      await Promise.all(appending);
      expect(await ids()).toEqual([]);
      expect((await box()).depth()).toEqual({ messages: 0, length: 0 });
      expect(await ids(BOB)).toEqual(["kept"]);
      await expectDuplicate(sent);
      await store({ id: "after" });
      expect(await ids()).toEqual(["after"]);
    });

    it("passes each new message to the listener of an open box, in order, until the box is closed", async () => {
      await store({ id: "before" });
      const listener = new Listener();
      const opened = await inbox.open(ALICE, listener);
      await Promise.all(["1", "2", "3"].map((id) => append(message({ id }))));
      await append(message({ recipient: BOB }));
      await expect.poll(() => listener.messages.map(({ id }) => id)).toEqual(["1", "2", "3"]);
      expect(listener.messages).toEqual((await opened.read(ALL)).slice(1));
      await opened.close();
      await append(message());
      expect(await ids()).toHaveLength(5);
      expect(listener.messages).toHaveLength(3);
    });

    it("reads a message that was appended just before the box was opened", async () => {
      const appending = append(message({ id: "early" }));
      const listener = new Listener();
      const opened = await inbox.open(ALICE, listener);
      const found = await opened.read(ALL);
      await appending;
      expect(new Set([...found, ...listener.messages].map(({ id }) => id))).toEqual(new Set(["early"]));
      expect((await opened.read(ALL)).map(({ id }) => id)).toEqual(["early"]);
    });

    it("gives a box to the last one that opens it, and keeps what the one before settles", async () => {
      const [first, second] = [new Listener(), new Listener()];
      const former = await inbox.open(ALICE, first);
      await append(message({ id: "1" }));
      const [stored] = await former.read(ALL);
      const latter = await inbox.open(ALICE, second);
      await expect.poll(() => first.lost).toBe(1);
      await append(message({ id: "2" }));
      await expect.poll(() => second.messages.map(({ id }) => id)).toEqual(["2"]);
      expect(first.messages.map(({ id }) => id)).toEqual(["1"]);
      await former.settle([stored?.seq ?? 0]);
      await expect.poll(async () => (await latter.read(ALL)).map(({ id }) => id)).toEqual(["2"]);
      await former.close();
      await append(message({ id: "3" }));
      await expect.poll(() => second.messages.map(({ id }) => id)).toEqual(["2", "3"]);
      expect(second.lost).toBe(0);
    });

    it("finds expired messages: of boxes that are not open in pages, of others by their listener", async () => {
      await append(message({ id: "late", expiresAt: clock + 5000 }));
      await append(message({ id: "later", expiresAt: clock + 50_000 }));
      await append(message({ recipient: BOB, expiresAt: clock + 5000 }));
      const listener = new Listener();
      await inbox.open(BOB, listener);
      const found = async (): Promise<string[]> => {
        const all: string[] = [];
        for await (const { box: unopened, messages } of inbox.expired(clock)) {
          all.push(...messages.map(({ id }) => id));
          await unopened.settle(messages.map(({ seq }) => seq));
        }
        return all;
      };
      expect(await found()).toEqual([]);
      clock += 7000;
      expect(await found()).toEqual(["late"]);
      expect(listener.expired).toBe(1);
      clock += 2000;
      expect(await found()).toEqual([]);
      expect(listener.expired).toBe(2);
      expect(await ids()).toEqual(["later"]);
    });

    it("completes pending writes on close, and rejects later calls", async () => {
      const opened = await box();
      const appending = append(message());
      await inbox.close();
      await inbox.close();
      expect(await appending).toBe("stored");
      const closed = { code: "storage_failed" };
      await expect(append(message())).rejects.toMatchObject(closed);
      await expect(inbox.open(ALICE, new Listener())).rejects.toMatchObject(closed);
      await expect(inbox.depth(ALICE)).rejects.toMatchObject(closed);
      await expect(opened.read(ALL)).rejects.toMatchObject(closed);
      await expect(opened.settle([1])).rejects.toMatchObject(closed);
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
      await (await box()).recordAttempts(second, 2);
      await settle([third]);
      const before = await read();
      const depth = (await box()).depth();

      inbox = await reopen();
      boxes.clear();
      expect(await inbox.depth(ALICE)).toEqual(depth);
      expect(await read()).toEqual(before);
      expect(before.map(({ id, attempts }) => [id, attempts])).toEqual([
        ["kept", 0],
        ["tried", 2],
      ]);
      expect((await box()).depth()).toEqual(depth);
      await expectDuplicate(kept);
      await expectDuplicate(settled);
      expect(await ids()).toEqual(["kept", "tried"]);
      expect(await store()).toBeGreaterThan(third);

      clock += LIMITS.deduplicationMs;
      inbox = await reopen();
      boxes.clear();
      await append(settled);
      expect(await ids()).toContain("settled");
    });
  });
}
