import { describe, expect, it, onTestFinished } from "vitest";
import type { Appended, ChannelLog, Head, LogOptions, NewEntry } from "@parley/skytale-server/storage";

/** A log under test, and how to reopen and release it. */
export interface ChannelLogHarness {
  readonly log: ChannelLog;
  /** Reopens the log on the same data, as after a restart. Absent if the log is not durable. */
  readonly reopen?: (() => Promise<ChannelLog>) | undefined;
  stop(): Promise<void>;
}

const CHANNEL = "acme/team/general";
const ALICE = "alice";

/**
 * Registers vitest tests of the `ChannelLog` interface of a relay. `setUp` creates an empty one for each test. Without `durable`, tests of
 * restarts are omitted.
 */
export function channelLogCompliance(
  name: string,
  setUp: (options: LogOptions) => Promise<ChannelLogHarness>,
  { durable }: { readonly durable: boolean },
): void {
  async function start(options: LogOptions = {}): Promise<ChannelLogHarness> {
    const harness = await setUp(options);
    onTestFinished(() => harness.stop());
    return harness;
  }

  async function open(options: LogOptions = {}): Promise<ChannelLog> {
    return (await start(options)).log;
  }

  describe(name, () => {
    it("numbers the entries of each channel from 1, without gaps", async () => {
      const log = await open();
      expect(await log.append(CHANNEL, ALICE, [entry("a"), entry("b")])).toEqual([appended(1), appended(2)]);
      expect(await log.append("acme/team/other", ALICE, [entry("a")])).toEqual([appended(1)]);
      expect(await log.append(CHANNEL, "bob", [entry("c")])).toEqual([appended(3)]);
      expect(await log.head(CHANNEL)).toEqual({ first: 1, next: 4 });
    });

    it("returns bodies unchanged, from any sequence number", async () => {
      const log = await open();
      const bodies = Array.from({ length: 100 }, (_, index) => Uint8Array.from({ length: index * 7 }, (__, at) => (at * index) % 256));
      await log.append(
        CHANNEL,
        ALICE,
        bodies.map((body, index) => ({ body, key: `k${index}` })),
      );
      for (const from of [1, 2, 50, 100]) {
        const page = await log.read(CHANNEL, { from, limit: 1000, maxBytes: 1e6 });
        expect(page.first).toBe(from);
        expect(page.head).toEqual({ first: 1, next: 101 });
        expect(page.bodies.map(plain)).toEqual(bodies.slice(from - 1).map(plain));
      }
    });

    it("keeps the order of concurrent calls", async () => {
      const log = await open();
      const outcomes = await Promise.all(Array.from({ length: 200 }, (_, index) => log.append(CHANNEL, ALICE, [entry(`m${index}`)])));
      expect(outcomes.flat()).toEqual(Array.from({ length: 200 }, (_, index) => appended(index + 1)));
      expect(await texts(log)).toEqual(Array.from({ length: 200 }, (_, index) => `m${index}`));
    });

    it("reads at most the requested amount, but at least one entry", async () => {
      const log = await open();
      await log.append(
        CHANNEL,
        ALICE,
        Array.from({ length: 10 }, (_, index) => entry("x".repeat(100), `k${index}`)),
      );
      const count = async (limit: number, maxBytes: number): Promise<number> =>
        (await log.read(CHANNEL, { from: 1, limit, maxBytes })).bodies.length;
      expect(await count(3, 1e6)).toBe(3);
      expect(await count(100, 250)).toBe(2);
      expect(await count(100, 200)).toBe(2);
      expect(await count(100, 1)).toBe(1);
    });

    it("reads nothing beyond the head, and nothing from an empty channel", async () => {
      const log = await open();
      expect(await log.read(CHANNEL, { from: 1, limit: 10, maxBytes: 1000 })).toEqual({
        first: 1,
        bodies: [],
        head: { first: 1, next: 1 },
      });
      await log.append(CHANNEL, ALICE, [entry("a")]);
      expect(await log.read(CHANNEL, { from: 2, limit: 10, maxBytes: 1000 })).toEqual({
        first: 2,
        bodies: [],
        head: { first: 1, next: 2 },
      });
      expect((await log.read(CHANNEL, { from: 99, limit: 10, maxBytes: 1000 })).bodies).toEqual([]);
    });

    it("accepts large entries, and many at once", async () => {
      const log = await open();
      const large = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => index % 251);
      await log.append(CHANNEL, ALICE, [{ body: large, key: "large" }]);
      await log.append(
        CHANNEL,
        ALICE,
        Array.from({ length: 3000 }, (_, index) => entry(`m${index}`)),
      );
      const page = await log.read(CHANNEL, { from: 1, limit: 1, maxBytes: 10 });
      expect(Buffer.compare(page.bodies[0] ?? new Uint8Array(), large)).toBe(0);
      expect((await texts(log, 2)).length).toBe(3000);
    });

    it("accepts an empty append", async () => {
      const log = await open();
      expect(await log.append(CHANNEL, ALICE, [])).toEqual([]);
      expect(await log.head(CHANNEL)).toEqual({ first: 1, next: 1 });
    });

    it("deduplicates keys per publisher and channel, within a call and across calls", async () => {
      const log = await open();
      expect(await log.append(CHANNEL, ALICE, [entry("a", "k"), entry("b", "k")])).toEqual([appended(1), duplicate(1)]);
      expect(await log.append(CHANNEL, ALICE, [entry("c", "k"), entry("d", "l")])).toEqual([duplicate(1), appended(2)]);
      expect(await log.append(CHANNEL, "bob", [entry("e", "k")])).toEqual([appended(3)]);
      expect(await log.append("acme/team/other", ALICE, [entry("f", "k")])).toEqual([appended(1)]);
      const raced = await Promise.all([log.append(CHANNEL, ALICE, [entry("g", "r")]), log.append(CHANNEL, ALICE, [entry("g", "r")])]);
      expect(raced.flat()).toEqual([appended(4), duplicate(4)]);
    });

    it("distinguishes names whose concatenations are equal", async () => {
      const log = await open();
      expect(await log.append(CHANNEL, "a", [entry("1", "bc")])).toEqual([appended(1)]);
      expect(await log.append(CHANNEL, "ab", [entry("2", "c")])).toEqual([appended(2)]);
      expect(await log.append(CHANNEL, "", [entry("3", "abc")])).toEqual([appended(3)]);
    });

    it("deduplicates keys at least for the stated number and time", async () => {
      let now = 1_000_000;
      const log = await open({ now: () => now, keys: { maxRemembered: 50, rememberMs: 1000 } });
      await log.append(CHANNEL, ALICE, [entry("first", "first")]);
      await log.append(CHANNEL, ALICE, numbered("m", 49));
      now += 999;
      expect(await log.append(CHANNEL, ALICE, [entry("first", "first")])).toEqual([duplicate(1)]);
      await log.append(CHANNEL, ALICE, numbered("n", 100));
      await log.append(CHANNEL, ALICE, numbered("o", 100));
      expect(await log.append(CHANNEL, ALICE, [entry("first", "first")])).toEqual([appended(251)]);
      now += 5000;
      await log.append(CHANNEL, ALICE, [entry("later")]);
      expect(await log.append(CHANNEL, ALICE, [entry("first", "first")])).toEqual([appended(253)]);
    });

    it("records the first commit of an epoch, and rejects later ones with the winner and the current epoch", async () => {
      const log = await open();
      expect(await log.append(CHANNEL, ALICE, [commit("a", 7n), commit("b", 7n)])).toEqual([appended(1, 8n), taken(1, 8n)]);
      expect(await log.append(CHANNEL, "bob", [commit("c", 7n), commit("d", 8n), commit("e", 7n)])).toEqual([
        taken(1, 8n),
        appended(2, 9n),
        taken(1, 9n),
      ]);
      expect(await texts(log)).toEqual(["a", "d"]);
      expect(await log.append("acme/team/other", ALICE, [commit("f", 7n)])).toEqual([appended(1, 8n)]);
    });

    it("reports a repeated commit as a duplicate, not as rejected", async () => {
      const log = await open();
      await log.append(CHANNEL, ALICE, [commit("a", 1n, "k")]);
      expect(await log.append(CHANNEL, ALICE, [commit("a", 1n, "k")])).toEqual([duplicate(1, 2n)]);
    });

    it("accepts only a commit that supersedes the recorded one", async () => {
      const log = await open();
      await log.append(CHANNEL, "mallory", [commit("garbage", 3n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("a", 3n, "a", 1)])).toEqual([appended(2, 4n)]);
      expect(await log.append(CHANNEL, "bob", [commit("b", 3n, "b", 1)])).toEqual([taken(2, 4n)]);
      expect(await log.append(CHANNEL, "bob", [commit("b", 3n, "b2", 2)])).toEqual([appended(3, 4n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("c", 4n, "c", 99)])).toEqual([appended(4, 5n)]);
    });

    it("is not blocked by commits for future epochs", async () => {
      const log = await open();
      const last = 2n ** 64n - 1n;
      await log.append(CHANNEL, "mallory", [commit("x", last), commit("y", 12n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("a", 11n)])).toEqual([appended(3, 12n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("b", 11n)])).toEqual([taken(3, 13n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("c", 12n, "c", 2)])).toEqual([appended(4, 13n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("d", last)])).toEqual([taken(1, last)]);
    });

    it("forgets only epochs of old commits", async () => {
      const log = await open();
      for (let start = 0; start < 1000; start += 100) {
        const epochs = Array.from({ length: 100 }, (_, index) => BigInt(start + index));
        await log.append(
          CHANNEL,
          ALICE,
          epochs.map((epoch) => commit(`m${epoch}`, epoch)),
        );
      }
      expect(await log.append(CHANNEL, ALICE, [commit("late", 999n)])).toEqual([taken(1000, 1000n)]);
      expect(await log.append(CHANNEL, ALICE, [commit("very late", 0n)])).toEqual([appended(1001, 1n)]);
    });

    it("returns the epoch after the last commit, for each entry", async () => {
      const log = await open();
      expect(await log.append(CHANNEL, ALICE, [entry("a"), commit("b", 7n), entry("c"), commit("d", 8n), entry("a")])).toEqual([
        appended(1),
        appended(2, 8n),
        appended(3, 8n),
        appended(4, 9n),
        duplicate(1, 9n),
      ]);
      expect(await log.append(CHANNEL, "bob", [commit("e", 8n), entry("f")])).toEqual([taken(4, 9n), appended(5, 9n)]);
      const last = 2n ** 64n - 1n;
      expect(await log.append(CHANNEL, "mallory", [commit("g", last), entry("h")])).toEqual([appended(6, last), appended(7, last)]);
      expect(await log.append(CHANNEL, ALICE, [commit("i", 9n), entry("j")])).toEqual([appended(8, 10n), appended(9, 10n)]);
    });

    it("notifies watchers of every append, in order, before it resolves", async () => {
      const log = await open();
      await log.append(CHANNEL, ALICE, [entry("before")]);
      const pages: Appended[] = [];
      const watch = await log.watch(CHANNEL, (page) => pages.push(page));
      expect(watch.head).toEqual({ first: 1, next: 2 });
      await log.append(CHANNEL, ALICE, [entry("a"), entry("b")]);
      expect(told(pages)).toEqual([
        [2, "a"],
        [3, "b"],
      ]);
      await log.append("acme/team/other", ALICE, [entry("elsewhere")]);
      await Promise.all(["c", "d"].map((text) => log.append(CHANNEL, ALICE, [entry(text)])));
      await log.append(CHANNEL, ALICE, [entry("again", "a")]);
      watch.stop();
      await log.append(CHANNEL, ALICE, [entry("after")]);
      expect(told(pages)).toEqual([
        [2, "a"],
        [3, "b"],
        [4, "c"],
        [5, "d"],
      ]);
    });

    it("notifies a watcher that starts during appends of exactly the entries after its head", async () => {
      const log = await open();
      for (let round = 0; round < 20; round++) {
        const pages: Appended[] = [];
        const under = Array.from({ length: 5 }, (_, index) => log.append(CHANNEL, ALICE, [entry(`${round}-${index}`)]));
        const watch = await log.watch(CHANNEL, (page) => pages.push(page));
        await Promise.all(under);
        await log.append(CHANNEL, ALICE, [entry(`${round}-last`)]);
        watch.stop();
        const { next } = await log.head(CHANNEL);
        expect(told(pages).map(([sequence]) => sequence)).toEqual(
          Array.from({ length: next - watch.head.next }, (_, index) => watch.head.next + index),
        );
      }
    });

    it("drops the oldest entries beyond the maximum number, and returns the first sequence number", async () => {
      const log = await open({ retention: { maxEntries: 10 } });
      for (let index = 0; index < 25; index++) await log.append(CHANNEL, ALICE, [entry(`m${index}`)]);
      const head = await log.head(CHANNEL);
      expect(head).toEqual({ first: 16, next: 26 });
      expect(await log.read(CHANNEL, { from: 15, limit: 10, maxBytes: 1000 })).toEqual({ first: 15, bodies: [], head });
      expect(await texts(log, 16)).toEqual(Array.from({ length: 10 }, (_, index) => `m${index + 15}`));
    });

    it("drops the oldest entries beyond the maximum size", async () => {
      const log = await open({ retention: { maxBytes: 1000 } });
      for (let index = 0; index < 25; index++) await log.append(CHANNEL, ALICE, [entry("x".repeat(100), `k${index}`)]);
      expect(await log.head(CHANNEL)).toEqual({ first: 16, next: 26 });
    });

    it("drops expired entries during maintenance", async () => {
      let now = 1_000_000;
      const log = await open({ now: () => now, retention: { maxAgeMs: 1000 } });
      await log.append(CHANNEL, ALICE, [entry("a")]);
      await log.append("acme/team/other", ALICE, [entry("a")]);
      now += 600;
      await log.append(CHANNEL, ALICE, [entry("b")]);
      now += 600;
      await log.expire();
      expect(await log.head(CHANNEL)).toEqual({ first: 2, next: 3 });
      expect(await log.head("acme/team/other")).toEqual({ first: 2, next: 2 });
      expect(await log.append("acme/team/other", ALICE, [entry("b")])).toEqual([appended(2)]);
      expect(await texts(log, 2)).toEqual(["b"]);
    });

    it("rejects all calls after close, and completes calls in flight", async () => {
      const { log } = await start();
      const under = log.append(CHANNEL, ALICE, [entry("a")]);
      await log.close();
      expect(await under).toEqual([appended(1)]);
      await expect(log.append(CHANNEL, ALICE, [entry("b")])).rejects.toMatchObject({ code: "storage_failed" });
      await expect(log.read(CHANNEL, { from: 1, limit: 1, maxBytes: 1 })).rejects.toMatchObject({ code: "storage_failed" });
      await expect(log.head(CHANNEL)).rejects.toMatchObject({ code: "storage_failed" });
    });

    it("counts the stored bytes of each publisher over all channels, and subtracts what retention removes", async () => {
      let now = 1000;
      const log = await open({ retention: { maxEntries: 20, maxAgeMs: 1000 }, now: () => now });
      const publish = (publisher: string, channel: string, prefix: string): Promise<unknown> =>
        log.append(channel, publisher, numbered(`${publisher} ${prefix}`, 10));
      await Promise.all([publish(ALICE, CHANNEL, "a"), publish("bob", CHANNEL, "b"), publish(ALICE, "acme/team/other", "c")]);
      await publish(ALICE, CHANNEL, "a");
      const [alice, bob] = [10 * "alice a0".length, 10 * "bob b0".length];
      expect([log.storedBytes(ALICE), log.storedBytes("bob"), log.storedBytes("carol")]).toEqual([2 * alice, bob, 0]);
      expect(log.totalStoredBytes).toBe(2 * alice + bob);
      await publish("carol", CHANNEL, "d");
      await publish("carol", CHANNEL, "e");
      expect([log.storedBytes(ALICE), log.storedBytes("bob")]).toEqual([alice, 0]);
      now += 2000;
      await log.expire();
      expect([log.storedBytes(ALICE), log.storedBytes("carol"), log.totalStoredBytes]).toEqual([0, 0, 0]);
    });

    if (!durable) return;

    it("keeps the counts of stored bytes across a restart", async () => {
      const { log, reopen } = await start({ retention: { maxEntries: 40 } });
      if (reopen === undefined) throw new Error("a durable log can be reopened");
      const publishers = Array.from({ length: 40 }, (_, index) => `publisher ${index}`);
      await Promise.all(publishers.map((publisher) => log.append(CHANNEL, publisher, [entry(publisher)])));
      const again = await reopen();
      expect(publishers.map((publisher) => again.storedBytes(publisher))).toEqual(publishers.map(({ length }) => length));
      await again.append(CHANNEL, ALICE, numbered("later", 40));
      expect(publishers.reduce((sum, publisher) => sum + again.storedBytes(publisher), 0)).toBe(0);
      expect(again.totalStoredBytes).toBe(again.storedBytes(ALICE));
    });

    it("survives a restart", async () => {
      const { log, reopen } = await start({ retention: { maxEntries: 20 } });
      if (reopen === undefined) throw new Error("a durable log can be opened anew");
      await log.append("acme/team/other", "bob", [entry("x")]);
      for (let index = 0; index < 30; index++) await log.append(CHANNEL, ALICE, [entry(`m${index}`)]);
      await log.append(CHANNEL, ALICE, [commit("c", 5n, "c"), commit("d", 6n, "d", 1)]);
      const before = await snapshot(log);
      const again = await reopen();
      expect(await snapshot(again)).toEqual(before);
      expect(await again.append(CHANNEL, ALICE, [entry("m29"), commit("late", 5n), entry("new")])).toEqual([
        duplicate(30, 7n),
        taken(31, 7n),
        appended(33, 7n),
      ]);
      expect(await again.append("acme/team/other", "bob", [entry("x"), entry("y")])).toEqual([duplicate(1), appended(2)]);
      expect(await again.append("acme/team/third", "bob", [entry("x")])).toEqual([appended(1)]);
    });

    it("deduplicates keys after a restart for their window only", async () => {
      let now = 1_000_000;
      const { log, reopen } = await start({ now: () => now, keys: { maxRemembered: 20, rememberMs: 1000 } });
      if (reopen === undefined) throw new Error("a durable log can be opened anew");
      for (let start = 0; start < 100; start += 5) await log.append(CHANNEL, ALICE, numbered("m", 5, start));
      const again = await reopen();
      expect(await again.append(CHANNEL, ALICE, [entry("m99"), entry("m80")])).toEqual([duplicate(100), duplicate(81)]);
      expect(await again.append(CHANNEL, ALICE, [entry("m0")])).toEqual([appended(101)]);
      now += 10_000;
      await again.append(CHANNEL, ALICE, [entry("later")]);
      expect(await again.append(CHANNEL, ALICE, [entry("m99")])).toEqual([appended(103)]);
    });
  });
}

function entry(text: string, key = text): NewEntry {
  return { body: Uint8Array.from(Buffer.from(text)), key };
}

function numbered(prefix: string, length: number, start = 0): NewEntry[] {
  return Array.from({ length }, (_, index) => entry(`${prefix}${start + index}`));
}

function commit(text: string, epoch: bigint, key = text, supersedes?: number): NewEntry {
  return { ...entry(text, key), commit: supersedes === undefined ? { epoch } : { epoch, supersedes } };
}

const appended = (sequence: number, logEpoch?: bigint) => ({ status: "appended", sequence, logEpoch }) as const;
const duplicate = (sequence: number, logEpoch?: bigint) => ({ status: "duplicate", sequence, logEpoch }) as const;
const taken = (winner: number, currentEpoch: bigint) => ({ status: "epoch_taken", winner, currentEpoch }) as const;

function plain(bytes: Uint8Array): number[] {
  return [...bytes];
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function told(pages: readonly Appended[]): [number, string][] {
  return pages.flatMap(({ first, bodies }) => bodies.map((body, index): [number, string] => [first + index, textOf(body)]));
}

/** All entries from a sequence number, in pages. */
async function texts(log: ChannelLog, from = 1, channel = CHANNEL): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const { bodies } = await log.read(channel, { from: from + found.length, limit: 70, maxBytes: 100_000 });
    if (bodies.length === 0) return found;
    found.push(...bodies.map(textOf));
  }
}

async function snapshot(log: ChannelLog): Promise<{ heads: readonly Head[]; texts: readonly string[] }> {
  const heads = [await log.head(CHANNEL), await log.head("acme/team/other")];
  return { heads, texts: await texts(log, heads[0]?.first) };
}
