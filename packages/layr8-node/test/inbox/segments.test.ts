import { join } from "node:path";
import { numberAt, numbersKey, type Environment, type Write, WriteQueue } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import type { DamagedMessage, InboxMessage } from "../../src/inbox/inbox.ts";
import { readRecordKey, recordKey } from "../../src/inbox/inbox-keys.ts";
import { LmdbInbox } from "../../src/inbox/lmdb-inbox.ts";
import { encodeSegment, intactRecordAt, MAX_SEGMENT_MESSAGES, recordAt } from "../../src/inbox/message-segment.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { boxOf, SeqListener } from "./box-of.ts";
import { damageText } from "../storage/damage-text.ts";

const ALICE = "did:web:alice.example";
const ALL = { after: 0, limit: 1000, maxLength: 1_000_000 };

describe("messages of one recipient and one commit", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let environment: LmdbEnvironment;
  let inbox: LmdbInbox;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    inbox = await LmdbInbox.open(environment);
  });
  afterEach(async () => {
    await environment.close();
    await directory.remove();
  });

  /** Appends messages in one commit, without waiting for it. */
  async function start(ids: readonly string[], recipient = ALICE): Promise<{ seqs: number[]; durable: Promise<unknown> }> {
    const listener = new SeqListener();
    await inbox.open(recipient, listener);
    const appended = await Promise.all(
      ids.map((id) =>
        inbox.append({
          recipient,
          id,
          type: "https://example.org/t/1.0/m",
          plaintext: `{"id":"${id}"}`,
          authorized: true,
          expiresAt: 5_000_000_000_000,
        }),
      ),
    );
    const stored = appended.flatMap((one) => (one.status === "stored" ? [one] : []));
    expect(stored).toHaveLength(ids.length);
    return { seqs: ids.map((id) => listener.seqs.get(id) ?? 0), durable: Promise.all(stored.map(({ durable }) => durable)) };
  }

  async function append(ids: readonly string[], recipient?: string): Promise<number[]> {
    const { seqs, durable } = await start(ids, recipient);
    await durable;
    return seqs;
  }

  async function reopen(between?: () => Promise<void>): Promise<void> {
    await inbox.close();
    await environment.close();
    await between?.();
    environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    inbox = await LmdbInbox.open(environment);
  }

  const idsOf = (messages: readonly InboxMessage[]): string[] => messages.map(({ id }) => id);
  const sizes = (): { messages: number; settled: number } => ({
    messages: environment.table("messages").size,
    settled: environment.table("settled").size,
  });

  it("share a record, which is removed with the last of them", async () => {
    const seqs = await append(["a", "b", "c"]);
    expect(sizes()).toEqual({ messages: 1, settled: 0 });
    await (await boxOf(inbox, ALICE)).settle(seqs.slice(1, 2));
    expect(sizes()).toEqual({ messages: 1, settled: 1 });
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["a", "c"]);
    await (await boxOf(inbox, ALICE)).settle(seqs);
    expect(sizes()).toEqual({ messages: 0, settled: 0 });
    expect(await inbox.depth(ALICE)).toEqual({ messages: 0, length: 0 });
  });

  it("stay settled, in order and with their depth after a restart", async () => {
    const seqs = await append(["a", "b", "c", "d"]);
    await append(["e"]);
    await (await boxOf(inbox, ALICE)).settle([seqs[0] ?? 0, seqs[2] ?? 0]);
    await reopen();
    expect(await inbox.depth(ALICE)).toEqual({ messages: 3, length: 30 });
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["b", "d", "e"]);
    await (await boxOf(inbox, ALICE)).settle(seqs);
    await reopen();
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["e"]);
    expect(sizes()).toEqual({ messages: 1, settled: 0 });
  });

  it("are read from the middle of a record", async () => {
    const seqs = await append(["a", "b", "c", "d"]);
    expect(idsOf(await (await boxOf(inbox, ALICE)).read({ ...ALL, after: seqs[1] ?? 0 }))).toEqual(["c", "d"]);
    expect(idsOf(await (await boxOf(inbox, ALICE)).read({ ...ALL, after: seqs[0] ?? 0, limit: 2 }))).toEqual(["b", "c"]);
    expect(idsOf(await (await boxOf(inbox, ALICE)).read({ ...ALL, after: seqs[3] ?? 0 }))).toEqual([]);
  });

  it("take several records when there are many", async () => {
    const ids = Array.from({ length: 2 * MAX_SEGMENT_MESSAGES + 1 }, (_, index) => `m${index}`);
    await append(ids);
    expect(sizes()).toEqual({ messages: 3, settled: 0 });
    await reopen();
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(ids);
  });

  it("are not written when they are settled before the commit", async () => {
    const { seqs, durable } = await start(["a", "b"]);
    await Promise.all([(await boxOf(inbox, ALICE)).settle(seqs.slice(0, 1)), durable]);
    await reopen();
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["b"]);
    const others = await start(["c", "d"], "did:web:bob.example");
    await Promise.all([(await boxOf(inbox, "did:web:bob.example")).settle(others.seqs), others.durable]);
    expect(sizes()).toEqual({ messages: 1, settled: 0 });
  });

  it("are read, except for a damaged one, which is reported with its header", async () => {
    const seqs = await append(["a", "damaged-one", "c", "d"]);
    await (await boxOf(inbox, ALICE)).settle(seqs.slice(3));
    await reopen(() => damageText(join(directory.path, "node.mdb"), '{"id":"damaged-one"}'));
    const damaged: DamagedMessage[] = [];
    inbox.onDamaged((message) => damaged.push(message));
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["a", "c"]);
    expect(damaged).toMatchObject([{ recipient: ALICE, seq: seqs[1], header: { id: "damaged-one" } }]);
    await environment.writes.flush();
    expect(environment.table("damaged").size).toBe(1);
    await reopen();
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["a", "c"]);
    expect(sizes()).toEqual({ messages: 2, settled: 0 });
    await (await boxOf(inbox, ALICE)).settle(seqs);
    expect(sizes()).toEqual({ messages: 0, settled: 0 });
  });

  it("stay when their settlement cannot be written, and leave no marks when they could not be stored", async () => {
    const disk = fallible(environment);
    inbox = await LmdbInbox.open(disk);
    const seqs = await append(["a", "b"]);
    disk.failing = true;
    await expect((await boxOf(inbox, ALICE)).settle(seqs.slice(0, 1))).rejects.toMatchObject({ code: "storage_failed" });
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["a", "b"]);
    await expect(append(["c", "d"])).rejects.toMatchObject({ code: "storage_failed" });
    disk.failing = false;
    await (await boxOf(inbox, ALICE)).settle(seqs.slice(1));
    await inbox.close();
    // As if the last commit with messages had failed, and the one with their settlement had not.
    const [box] = environment.table("boxes").getKeys({});
    environment.writes.put(environment.table("settled"), numbersKey(numberAt(box ?? new Uint8Array(), 0), 999), numbersKey(998));
    await environment.writes.flush();
    await reopen();
    expect(idsOf(await (await boxOf(inbox, ALICE)).read(ALL))).toEqual(["a"]);
    await (await boxOf(inbox, ALICE)).settle(seqs);
    expect(sizes()).toEqual({ messages: 0, settled: 0 });
  });
});

/** An environment whose commits fail while `failing` is set. */
function fallible(environment: Environment): Environment & { failing: boolean } {
  const wrapped = {
    failing: false,
    table: (name: string) => environment.table(name),
    writes: new WriteQueue(async (writes: readonly Write[]) => {
      if (wrapped.failing) throw new Error("no space left on device");
      for (const { table, key, value } of writes) {
        if (value === undefined) environment.writes.remove(table, key);
        else environment.writes.put(table, key, value);
      }
      await environment.writes.flush();
    }),
  };
  return wrapped;
}

describe("a segment", () => {
  const record = fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes));
  const records = fc.array(record, { minLength: 1, maxLength: MAX_SEGMENT_MESSAGES });

  it("holds each record unchanged", () => {
    fc.assert(
      fc.property(records, (all) => {
        const segment = encodeSegment(all);
        expect(all.map((_, index) => recordAt(segment, index, all.length))).toEqual(all.map((each) => each));
      }),
    );
  });

  it("with a wrong bit has at most one damaged message", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 2, maxLength: 8 }), fc.nat(), fc.nat(7), (all, at, bit) => {
        const segment = Buffer.from(encodeSegment(all));
        const index = at % segment.length;
        segment[index] = (segment[index] ?? 0) ^ (1 << bit);
        const intact = all.filter((each, place) => intactRecordAt(segment, place, all.length)?.length === each.length);
        expect(intact.length).toBe(all.length - 1);
      }),
    );
  });

  it("that is truncated has no message beyond the cut", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 2, maxLength: 8 }), fc.nat(), (all, cut) => {
        const whole = encodeSegment(all);
        const segment = whole.subarray(0, cut % whole.length);
        expect(intactRecordAt(segment, all.length - 1, all.length)).toBeUndefined();
      }),
    );
  });
});

describe("the key of a record", () => {
  const place = fc.record({ length: fc.nat(), expiresAt: fc.nat() });

  it("has the place of each message, in ascending order", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(place, { minLength: 1, maxLength: MAX_SEGMENT_MESSAGES }), (box, all) => {
        const places = all.map((each, index) => ({ seq: 10 + 2 * index, ...each }));
        const key = recordKey(box, places);
        expect(key.length).toBeLessThan(1978);
        expect(readRecordKey(key)).toEqual(places);
      }),
    );
  });

  it("of an earlier version has no expiry", () => {
    expect(readRecordKey(numbersKey(1, 10, 2))).toEqual([{ seq: 10, length: 2, expiresAt: undefined }]);
    expect(recordKey(1, [{ seq: 10, length: 2, expiresAt: undefined }])).toEqual(numbersKey(1, 10, 2));
  });
});
