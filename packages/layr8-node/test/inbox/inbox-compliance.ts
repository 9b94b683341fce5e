import { describe, expect, it } from "vitest";
import { deduplicationCompliance } from "./deduplication-compliance.ts";
import { ALICE, ALL, BOB, LIMITS, Listener, inboxHarness, type InboxSetup, type InboxUnderTest } from "./inbox-harness.ts";
import { openBoxCompliance } from "./open-box-compliance.ts";

/**
 * The rules of `Inbox`, for any implementation. Calls `describe`; the whole test of an implementation is a call to it.
 *
 * @param options `durable`: messages survive a restart. `isShared`: nodes share the inbox, so that appends know of no other message.
 */
export function inboxCompliance(
  name: string,
  create: (setup: InboxSetup) => Promise<InboxUnderTest>,
  { durable = true, isShared = false }: { readonly durable?: boolean; readonly isShared?: boolean } = {},
): void {
  describe(name, () => {
    const harness = inboxHarness(create, isShared);
    const { message, append, store, expectDuplicate, box, read, ids, seqs, settle } = harness;

    deduplicationCompliance(harness);
    openBoxCompliance(harness);

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
      await harness.inbox.open(ALICE, listener);
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
      await store({ id: "late", expiresAt: harness.now() - 1 });
      expect(await ids()).toEqual(["late"]);
    });

    it("settles messages permanently, and ignores unknown seqs", async () => {
      const [first, , third] = [await store({ id: "1" }), await store({ id: "2" }), await store({ id: "3" })];
      await settle([third, first, first, 999_999_999]);
      await settle([first], "did:web:nobody.example");
      expect(await ids()).toEqual(["2"]);
      await settle(await seqs());
      expect((await box()).depth()).toEqual({ messages: 0, length: 0 });
      expect(await harness.inbox.depth(ALICE)).toEqual({ messages: 0, length: 0 });
      expect(harness.inbox.totals()).toEqual({ messages: 0, length: 0 });
    });

    it("never assigns a seq twice, not even the last one after its settle", async () => {
      const first = await store();
      await settle([first]);
      expect(await store()).toBeGreaterThan(first);
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
      expect(await harness.inbox.depth(ALICE)).toEqual({ messages: 2, length: 2000 });
    });

    it("counts an append from its call on", async () => {
      const opened = await box();
      const appending = append(message({ plaintext: "xyz" }));
      // Of shared inboxes, the listener receives the message later.
      const during = harness.isShared ? 0 : 1;
      expect(opened.depth().messages).toBeGreaterThanOrEqual(during);
      await appending;
      await expect.poll(() => opened.depth()).toEqual({ messages: 1, length: 3 });
      expect(harness.inbox.usage(ALICE)).toMatchObject({ messages: 1, length: 3 });
      expect(harness.inbox.totals()).toEqual({ messages: 1, length: 3 });
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

    it("completes pending writes on close, and rejects later calls", async () => {
      const opened = await box();
      const appending = append(message());
      await harness.inbox.close();
      await harness.inbox.close();
      expect(await appending).toBe("stored");
      const closed = { code: "storage_failed" };
      await expect(append(message())).rejects.toMatchObject(closed);
      await expect(harness.inbox.open(ALICE, new Listener())).rejects.toMatchObject(closed);
      await expect(harness.inbox.depth(ALICE)).rejects.toMatchObject(closed);
      await expect(opened.read(ALL)).rejects.toMatchObject(closed);
      await expect(opened.settle([1])).rejects.toMatchObject(closed);
    });

    if (!durable) return;

    it("keeps messages, attempts, depths and duplicates over a restart", async () => {
      const kept = message({ id: "kept" });
      const settled = message({ id: "settled" });
      await append(kept);
      const [second, third] = [await store({ id: "tried", plaintext: "12345" }), await store(settled)];
      await (await box()).recordAttempts(second, 2);
      await settle([third]);
      const before = await read();
      const depth = (await box()).depth();

      await harness.reopen();
      expect(await harness.inbox.depth(ALICE)).toEqual(depth);
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

      harness.advance(LIMITS.deduplicationMs);
      await harness.reopen();
      await append(settled);
      expect(await ids()).toContain("settled");
    });
  });
}
