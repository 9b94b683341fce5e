import { StorageError } from "@parley/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OutboundMessage } from "../../../src/federation/outbound/outbound-message.ts";
import type { OutboundStore, OutboundStoreOptions, StoredEntry } from "../../../src/federation/outbound/outbound-store.ts";

/** What the suite asks of an implementation's test. */
export interface StoreUnderTest {
  readonly store: OutboundStore;
  /** Closes the store and opens it again as after a restart. Absent when nothing survives one; then `durable` is false. */
  reopen?(): Promise<OutboundStore>;
  cleanup(): Promise<void>;
}

const ALICE = "did:web:alice.example";
const BOB = "did:web:bob.example:agents:bob";
const WINDOW_MS = 60_000;

/** The rules of {@link OutboundStore}, for any implementation. The whole test of an implementation is a call to it. */
export function outboundStoreCompliance(
  name: string,
  create: (options: OutboundStoreOptions) => Promise<StoreUnderTest>,
  { durable = true }: { readonly durable?: boolean } = {},
): void {
  describe(name, () => {
    let clock = 1_800_000_000_000;
    let counter = 0;
    let under: StoreUnderTest;
    let store: OutboundStore;

    beforeEach(async () => {
      under = await create({ deduplicationMs: WINDOW_MS, maxRemembered: 1000, now: () => clock });
      store = under.store;
    });
    afterEach(() => under.cleanup());

    function message(changes: Partial<OutboundMessage> = {}): OutboundMessage {
      const id = changes.id ?? `message-${++counter}`;
      const plaintext = JSON.stringify({ id, body: {} });
      return {
        sender: ALICE,
        recipient: BOB,
        id,
        type: "https://example.org/test/1.0/ping",
        plaintext,
        expiresAt: clock + 1000,
        ...changes,
      };
    }

    async function add(sent: OutboundMessage): Promise<StoredEntry> {
      const appended = await store.append(sent);
      if (appended.status !== "stored") throw new Error(`append: ${appended.status}`);
      await appended.durable;
      return appended.entry;
    }

    async function status(sent: OutboundMessage, hasRoom?: boolean): Promise<string> {
      const appended = await store.append(sent, hasRoom);
      if (appended.status === "stored") await appended.durable;
      return appended.status;
    }

    it("returns a stored message with all of its members", async () => {
      const sent = message({ plaintext: '{"b":"ü€😀\\ud800 \\u0000"}', id: "id\u0000ü" });
      const entry = await add(sent);
      const { sender, recipient, length, expiresAt } = entry;
      expect({ sender, recipient, length, expiresAt }).toEqual({
        sender: ALICE,
        recipient: BOB,
        length: sent.plaintext.length,
        expiresAt: sent.expiresAt,
      });
      expect(store.read(entry)).toEqual(sent);
    });

    it("accepts DIDs of 2048 characters that differ in the last one", async () => {
      const long = `did:web:${"a".repeat(2039)}`;
      const [one, two] = [await add(message({ recipient: `${long}1` })), await add(message({ recipient: `${long}2` }))];
      expect(store.read(one).recipient).toBe(`${long}1`);
      expect(store.read(two).recipient).toBe(`${long}2`);
    });

    it("makes appends durable in the order of the calls, with ascending seqs", async () => {
      const order: string[] = [];
      const entries = await Promise.all(
        ["a", "b", "c", "d"].map(async (id) => {
          const entry = await add(message({ id }));
          order.push(id);
          return entry;
        }),
      );
      expect(order).toEqual(["a", "b", "c", "d"]);
      const seqs = entries.map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
      expect(new Set(seqs).size).toBe(4);
    });

    it("stores the same (sender, recipient, id) once, while it waits and while it is remembered", async () => {
      const sent = message();
      expect(await Promise.all([status(sent), status(sent)])).toEqual(["stored", "duplicate"]);
      expect(await status({ ...sent, plaintext: "other" })).toBe("duplicate");
      expect(await status(sent, false)).toBe("duplicate");
    });

    it("recognises a message that waits longer than the deduplication window", async () => {
      const sent = message();
      const entry = await add(sent);
      clock += 3 * WINDOW_MS;
      expect(await status(sent)).toBe("duplicate");
      await store.remove(entry);
      expect(await status(sent)).toBe("stored");
    });

    it("remembers a removed message until the window has passed", async () => {
      const sent = message();
      await store.remove(await add(sent));
      clock += WINDOW_MS - 1;
      expect(await status(sent)).toBe("duplicate");
      clock += 1;
      expect(await status(sent)).toBe("stored");
    });

    it("distinguishes messages by sender, recipient and id", async () => {
      const sent = message();
      await add(sent);
      const eve = "did:web:eve.example";
      for (const other of [
        { ...sent, sender: eve },
        { ...sent, recipient: eve },
        { ...sent, id: "other" },
      ]) {
        expect(await status(other)).toBe("stored");
      }
    });

    it("rejects a message without room, and accepts it later", async () => {
      const sent = message();
      expect(await status(sent, false)).toBe("full");
      expect(await status(sent, true)).toBe("stored");
    });

    it("removes messages permanently and idempotently", async () => {
      const [first, second] = [await add(message()), await add(message({ id: "kept" }))];
      await store.remove(first);
      await store.remove(first);
      expect(() => store.read(first)).toThrowError(expect.objectContaining({ code: "storage_failed" }));
      expect(store.read(second).id).toBe("kept");
    });

    it("reads and removes a message that is still being written", async () => {
      const sent = message();
      const appended = await store.append(sent);
      if (appended.status !== "stored") throw new Error(appended.status);
      expect(store.read(appended.entry)).toEqual(sent);
      await Promise.all([appended.durable, store.remove(appended.entry)]);
      expect(() => store.read(appended.entry)).toThrow(StorageError);
      expect(await status(sent)).toBe("duplicate");
    });

    it("completes pending writes on close, and rejects later calls", async () => {
      const entry = await add(message());
      const last = status(message());
      await store.close();
      await store.close();
      expect(await last).toBe("stored");
      await expect(store.append(message())).rejects.toMatchObject({ code: "storage_failed" });
      await expect(store.remove(entry)).rejects.toMatchObject({ code: "storage_failed" });
      expect(() => store.read(entry)).toThrowError(expect.objectContaining({ code: "storage_failed" }));
    });

    if (!durable) return;

    async function reopen(): Promise<readonly StoredEntry[]> {
      if (under.reopen === undefined) throw new Error("A durable store must reopen");
      store = await under.reopen();
      return [...store.entries()];
    }

    it("keeps waiting messages, their order, and duplicates over a restart", async () => {
      const sent = ["1", "2", "3"].map((id) => message({ id }));
      const other = message({ id: "2", sender: "did:web:eve.example" });
      const entries = [];
      for (const one of [...sent, other]) entries.push(await add(one));
      const [, second] = entries;
      if (second !== undefined) await store.remove(second);

      const found = await reopen();
      expect(found.map((entry) => store.read(entry))).toEqual([sent[0], sent[2], other]);
      expect(found.map(({ sender, recipient, length, expiresAt }) => ({ sender, recipient, length, expiresAt }))).toEqual(
        [sent[0], sent[2], other].map((one) => ({
          sender: one?.sender,
          recipient: BOB,
          length: one?.plaintext.length,
          expiresAt: one?.expiresAt,
        })),
      );
      for (const one of [...sent, other]) expect(await status(one)).toBe("duplicate");
      const added = await add(message({ id: "4" }));
      expect(added.seq).toBeGreaterThan(Math.max(...found.map(({ seq }) => seq)));

      clock += WINDOW_MS;
      const later = await reopen();
      expect(later.map((entry) => store.read(entry).id)).toEqual(["1", "3", "2", "4"]);
      expect(await status(message({ id: "1" }))).toBe("duplicate");
      expect(await status(message({ id: "2" }))).toBe("stored");
    });

    it("removes pairs without messages, and creates them again", async () => {
      for (let round = 0; round < 3; round++) {
        await store.remove(await add(message()));
        const entry = await add(message({ id: `kept-${round}` }));
        expect(await reopen()).toHaveLength(1);
        expect(store.read(entry)).toMatchObject({ sender: ALICE, recipient: BOB, id: `kept-${round}` });
        await store.remove(entry);
        expect(await reopen()).toEqual([]);
      }
    });
  });
}
