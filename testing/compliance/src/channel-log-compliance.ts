import { describe, expect, it, onTestFinished } from "vitest";
import type { Appended, ChannelLog, EvictedRun, Head, LogOptions, NewEntry } from "@parley/skytale-server/storage";

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
 * restarts are omitted; without `evictsByAccount`, a full log must remove its oldest entries, regardless of their publishers.
 */
export function channelLogCompliance(
  name: string,
  setUp: (options: LogOptions) => Promise<ChannelLogHarness>,
  { durable, evictsByAccount = true }: { readonly durable: boolean; readonly evictsByAccount?: boolean },
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
        expect(page.entries.map(plain)).toEqual(bodies.slice(from - 1).map(plain));
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
        (await log.read(CHANNEL, { from: 1, limit, maxBytes })).entries.length;
      expect(await count(3, 1e6)).toBe(3);
      expect(await count(100, 250)).toBe(2);
      expect(await count(100, 200)).toBe(2);
      expect(await count(100, 1)).toBe(1);
    });

    it("reads nothing beyond the head, and nothing from an empty channel", async () => {
      const log = await open();
      expect(await log.read(CHANNEL, { from: 1, limit: 10, maxBytes: 1000 })).toEqual({
        first: 1,
        entries: [],
        head: { first: 1, next: 1 },
      });
      await log.append(CHANNEL, ALICE, [entry("a")]);
      expect(await log.read(CHANNEL, { from: 2, limit: 10, maxBytes: 1000 })).toEqual({
        first: 2,
        entries: [],
        head: { first: 1, next: 2 },
      });
      expect((await log.read(CHANNEL, { from: 99, limit: 10, maxBytes: 1000 })).entries).toEqual([]);
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
      expect(Buffer.compare(bodyOf(page.entries[0] ?? new Uint8Array()), large)).toBe(0);
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

    it("drops only epochs of old commits", async () => {
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
      expect(await log.read(CHANNEL, { from: 15, limit: 10, maxBytes: 1000 })).toEqual({ first: 15, entries: [], head });
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

    it("drops the oldest entries of one account that has all entries, commits included", async () => {
      const log = await open({ retention: { maxEntries: 10 } });
      for (let index = 0; index < 20; index++)
        await log.append(CHANNEL, ALICE, [index % 5 === 0 ? commit(`m${index}`, BigInt(index)) : entry(`m${index}`)]);
      expect(await log.head(CHANNEL)).toEqual({ first: 11, next: 21 });
      expect(await texts(log, 11)).toEqual(Array.from({ length: 10 }, (_, index) => `m${index + 10}`));
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

    const byAccount = (): void => {
      it("evicts the oldest entries of the account that has the most, and none of the others", async () => {
        const log = await open({ retention: { maxEntries: 20 } });
        for (const text of ["a1", "a2", "a3"]) await log.append(CHANNEL, ALICE, [entry(text)]);
        await log.append(CHANNEL, "bob", [entry("b1")]);
        for (let index = 0; index < 50; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        await log.append(CHANNEL, ALICE, [entry("a4")]);
        const latest = Array.from({ length: 15 }, (_, index) => `m${index + 35}`);
        expect(await all(log, 1)).toEqual(["a1", "a2", "a3", "b1", 35, ...latest, "a4"]);
        expect(await log.head(CHANNEL)).toEqual({ first: 1, next: 56 });
        expect([log.storedBytes(ALICE), log.storedBytes("bob")]).toEqual([8, 2]);
        expect(log.storedBytes("mallory")).toBe(latest.join("").length);
      });

      it("evicts by size as by number: entries of the account with the most bytes", async () => {
        const log = await open({ retention: { maxBytes: 1000 } });
        for (let index = 0; index < 50; index++) await log.append(CHANNEL, ALICE, [entry(`a${index}`)]);
        for (let index = 0; index < 20; index++) await log.append(CHANNEL, "mallory", [entry("x".repeat(100), `k${index}`)]);
        const entries = await all(log, 1);
        expect(entries.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => `a${index}`));
        expect(entries[50]).toBe(12);
        expect(entries).toHaveLength(59);
      });

      it("divides a full log evenly between accounts that publish more than fits, however many their entries are", async () => {
        const log = await open({ retention: { maxEntries: 30 } });
        const names = [ALICE, "bob", "mallory"];
        for (let index = 0; index < 30; index++) await log.append(CHANNEL, "mallory", [entry(`mallory ${index}`)]);
        for (let index = 0; index < 40; index++)
          for (const name of [ALICE, "bob"]) await log.append(CHANNEL, name, [entry(`${name} ${index + 10}`)]);
        const found = (await all(log, (await log.head(CHANNEL)).first)).filter((one) => typeof one === "string");
        expect(names.map((name) => found.filter((one) => one.startsWith(name)).length)).toEqual([10, 10, 10]);
      });

      it("keeps commits and proposals of all accounts, and drops the front once they take up half of a full log", async () => {
        const log = await open({ retention: { maxEntries: 20 } });
        await log.append(CHANNEL, ALICE, [entry("a1")]);
        for (let index = 0; index < 5; index++) {
          await log.append(CHANNEL, "mallory", [commit(`c${index}`, BigInt(index)), { ...entry(`p${index}`), isHandshake: true }]);
        }
        for (let index = 0; index < 30; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        const handshakes = Array.from({ length: 5 }, (_, index) => [`c${index}`, `p${index}`]).flat();
        const latest = Array.from({ length: 9 }, (_, index) => `m${index + 21}`);
        expect(await all(log, 1)).toEqual(["a1", ...handshakes, 21, ...latest]);
        await log.append(CHANNEL, "mallory", [commit("late", 99n)]);
        expect((await log.head(CHANNEL)).first).toBe(2);
        expect(await all(log, 2)).toEqual([...handshakes, 21, ...latest, "late"]);
      });

      it("returns evicted entries as one run, from any of their sequence numbers", async () => {
        const log = await open({ retention: { maxEntries: 10 } });
        await log.append(CHANNEL, ALICE, [entry("a1")]);
        for (let index = 0; index < 30; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        expect(await all(log, 2)).toEqual([21, ...Array.from({ length: 9 }, (_, index) => `m${index + 21}`)]);
        expect(await all(log, 22)).toEqual([1, ...Array.from({ length: 9 }, (_, index) => `m${index + 21}`)]);
        const page = await log.read(CHANNEL, { from: 1, limit: 2, maxBytes: 1000 });
        expect(page.entries.slice(1)).toEqual([{ evicted: 21 }]);
        expect((await log.read(CHANNEL, { from: 5, limit: 1, maxBytes: 1 })).entries).toEqual([{ evicted: 18 }]);
      });

      it("puts runs of evicted entries together, and begins after a run at its front", async () => {
        const log = await open({ retention: { maxEntries: 20 } });
        for (let index = 0; index < 10; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        for (let index = 0; index < 9; index++) {
          await log.append(CHANNEL, ALICE, [entry(`a${index}`)]);
          await log.append(CHANNEL, "mallory", [entry(`n${index}`)]);
        }
        expect((await log.head(CHANNEL)).first).toBe(9);
        for (let index = 0; index < 20; index++) await log.append(CHANNEL, "mallory", [entry(`o${index}`)]);
        const kept = Array.from({ length: 8 }, (_, index) => [`a${index}`, 1]).flat();
        expect(await all(log, 11)).toEqual([...kept, "a8", 10, ...Array.from({ length: 11 }, (_, index) => `o${index + 9}`)]);
        expect(await log.head(CHANNEL)).toEqual({ first: 11, next: 49 });
      });

      it("recognizes entries that are evicted by their keys, and numbers further ones as before", async () => {
        const log = await open({ retention: { maxEntries: 10 } });
        await log.append(CHANNEL, ALICE, [entry("a1")]);
        for (let index = 0; index < 20; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        expect(await log.append(CHANNEL, "mallory", [entry("m0"), entry("m20")])).toEqual([duplicate(2), appended(22)]);
      });

      it("drops runs of evicted entries when the entries before them expire", async () => {
        let now = 1_000_000;
        const log = await open({ now: () => now, retention: { maxEntries: 10, maxAgeMs: 1000 } });
        await log.append(CHANNEL, ALICE, [entry("a1")]);
        now += 600;
        for (let index = 0; index < 20; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        now += 600;
        await log.expire();
        expect(await log.head(CHANNEL)).toEqual({ first: 13, next: 22 });
        now += 600;
        await log.expire();
        expect(await log.head(CHANNEL)).toEqual({ first: 22, next: 22 });
        expect(log.totalStoredBytes).toBe(0);
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
        for (let index = 0; index < 20; index++) await log.append(CHANNEL, ALICE, [entry(`alice d${index}`)]);
        // The group of ten that Alice has appended together.
        expect([log.storedBytes(ALICE), log.storedBytes("bob")]).toEqual([alice + 10 * "alice d10".length, bob]);
        now += 2000;
        await log.expire();
        expect([log.storedBytes(ALICE), log.storedBytes("bob"), log.totalStoredBytes]).toEqual([0, 0, 0]);
      });
    };
    const fromFront = (): void => {
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
    };
    (evictsByAccount ? byAccount : fromFront)();

    if (!durable) return;

    const byAccountDurably = (): void => {
      it("keeps the counts of stored bytes across a restart", async () => {
        const { log, reopen } = await start({ retention: { maxEntries: 45 } });
        if (reopen === undefined) throw new Error("a durable log can be reopened");
        const publishers = Array.from({ length: 40 }, (_, index) => `publisher ${index}`);
        await Promise.all(publishers.map((publisher) => log.append(CHANNEL, publisher, [entry(publisher)])));
        const again = await reopen();
        expect(publishers.map((publisher) => again.storedBytes(publisher))).toEqual(publishers.map(({ length }) => length));
        for (let index = 0; index < 40; index++) await again.append(CHANNEL, ALICE, [entry(`later ${index}`)]);
        expect(publishers.map((publisher) => again.storedBytes(publisher))).toEqual(publishers.map(({ length }) => length));
        expect(again.totalStoredBytes).toBe(publishers.join("").length + again.storedBytes(ALICE));
      });

      it("continues to evict entries by account after a restart", async () => {
        const { log, reopen } = await start({ retention: { maxEntries: 20 } });
        if (reopen === undefined) throw new Error("a durable log can be reopened");
        for (let index = 0; index < 8; index++) await log.append(CHANNEL, index % 2 === 0 ? ALICE : "bob", [entry(`q${index}`)]);
        for (let index = 0; index < 20; index++) await log.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        const before = await all(log, 1);
        const again = await reopen();
        expect(await all(again, 1)).toEqual(before);
        for (let index = 20; index < 40; index++) await again.append(CHANNEL, "mallory", [entry(`m${index}`)]);
        const quiet = Array.from({ length: 8 }, (_, index) => `q${index}`);
        expect(await all(again, 1)).toEqual([...quiet, 28, ...Array.from({ length: 12 }, (_, index) => `m${index + 28}`)]);
        expect(again.storedBytes("mallory")).toBe(12 * "m28".length);
      });
    };
    const fromFrontDurably = (): void => {
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
    };
    (evictsByAccount ? byAccountDurably : fromFrontDurably)();

    it("survives a restart", async () => {
      const { log, reopen } = await start({ retention: { maxEntries: 20 } });
      if (reopen === undefined) throw new Error("a durable log must support reopening");
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
      if (reopen === undefined) throw new Error("a durable log must support reopening");
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

/** The body of an entry that is not evicted. */
function bodyOf(one: Uint8Array | EvictedRun): Uint8Array {
  if (one instanceof Uint8Array) return one;
  throw new Error(`${one.evicted} entries are evicted`);
}

function plain(one: Uint8Array | EvictedRun): number[] {
  return [...bodyOf(one)];
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
    const { entries } = await log.read(channel, { from: from + found.length, limit: 70, maxBytes: 100_000 });
    if (entries.length === 0) return found;
    found.push(...entries.map((one) => textOf(bodyOf(one))));
  }
}

/** All entries from a sequence number, as texts, and evicted ones as their number. */
async function all(log: ChannelLog, from: number): Promise<(string | number)[]> {
  const { entries } = await log.read(CHANNEL, { from, limit: 10_000, maxBytes: 1_000_000 });
  return entries.map((one) => (one instanceof Uint8Array ? textOf(one) : one.evicted));
}

async function snapshot(log: ChannelLog): Promise<{ heads: readonly Head[]; texts: readonly string[] }> {
  const heads = [await log.head(CHANNEL), await log.head("acme/team/other")];
  return { heads, texts: await texts(log, heads[0]?.first) };
}
