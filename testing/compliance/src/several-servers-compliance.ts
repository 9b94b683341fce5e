import { describe, expect, it, onTestFinished } from "vitest";
import type { Appended, AppendOutcome, ChannelLog, NewEntry, Registry, WelcomeStore } from "@parley/skytale-server/storage";

/** The stores of one server. */
export interface ServerStores {
  readonly log: ChannelLog;
  readonly welcomes: WelcomeStore;
  readonly registry: Registry;
}

/** Two servers with the same stores under test, and how to release them. */
export interface SeveralServersHarness {
  readonly servers: readonly [ServerStores, ServerStores];
  stop(): Promise<void>;
}

const CHANNEL = "acme/team/general";
const ALICE = "alice";

/** Registers vitest tests of stores that several relays share. `setUp` creates empty ones for each test, opened by two servers. */
export function severalServersCompliance(name: string, setUp: () => Promise<SeveralServersHarness>): void {
  async function open(): Promise<readonly [ServerStores, ServerStores]> {
    const harness = await setUp();
    onTestFinished(() => harness.stop());
    return harness.servers;
  }

  async function logs(): Promise<readonly [ChannelLog, ChannelLog]> {
    const [one, other] = await open();
    return [one.log, other.log];
  }

  describe(`${name}: several servers`, () => {
    it("have the same entries under the same numbers, without gaps, in the order of each server's calls", async () => {
      const both = await logs();
      const append = async (server: number, index: number): Promise<number> => {
        const [outcome] = await (both[server] as ChannelLog).append(CHANNEL, `publisher ${server}`, [entry(`${server}-${index}`)]);
        return sequenceOf(outcome);
      };
      const sequences = await Promise.all(
        [0, 1].map((server) => Promise.all(Array.from({ length: 50 }, (_, index) => append(server, index)))),
      );
      expect(sequences.flat().toSorted((left, right) => left - right)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
      const expected: string[] = [];
      for (const [server, own] of sequences.entries()) {
        expect(own).toEqual(own.toSorted((left, right) => left - right));
        for (const [index, sequence] of own.entries()) expected[sequence - 1] = `${server}-${index}`;
      }
      for (const log of both) {
        await expect.poll(() => log.head(CHANNEL)).toEqual({ first: 1, next: 101 });
        expect(await texts(log)).toEqual(expected);
      }
    });

    it("notify watchers on each server of the entries of both, once and in order", async () => {
      const both = await logs();
      const told: string[][] = [[], []];
      for (const [server, log] of both.entries()) {
        let next = 1;
        const take = ({ first, bodies }: Appended): void => {
          // A page out of order would be missing from what was told.
          if (first === next) told[server]?.push(...bodies.map(textOf));
          next += bodies.length;
        };
        await log.watch(CHANNEL, take);
      }
      await Promise.all(
        both.flatMap((log, server) => Array.from({ length: 30 }, (_, index) => log.append(CHANNEL, ALICE, [entry(`${server}-${index}`)]))),
      );
      // A server may get the other's last entry a moment after it was acknowledged.
      await expect.poll(async () => (await both[0].head(CHANNEL)).next).toBe(61);
      const expected = await texts(both[0]);
      await expect.poll(() => told).toEqual([expected, expected]);
    });

    it("append an entry once that its publisher repeats at the other server", async () => {
      const [one, other] = await logs();
      expect(await one.append(CHANNEL, ALICE, [entry("a"), entry("b")])).toMatchObject([{ sequence: 1 }, { sequence: 2 }]);
      await expect.poll(async () => (await other.head(CHANNEL)).next).toBe(3);
      expect(await other.append(CHANNEL, ALICE, [entry("b"), entry("c")])).toMatchObject([
        { status: "duplicate", sequence: 2 },
        { status: "appended", sequence: 3 },
      ]);
      const raced = await Promise.all([one, other].map((log) => log.append(CHANNEL, ALICE, [entry("raced")])));
      expect(
        raced
          .flat()
          .map(({ status }) => status)
          .toSorted(),
      ).toEqual(["appended", "duplicate"]);
      expect(raced.flat().map(sequenceOf)).toEqual([4, 4]);
    });

    it("record one commit of an epoch, whichever server it comes to", async () => {
      const both = await logs();
      for (let epoch = 1n; epoch <= 20n; epoch++) {
        const outcomes = (
          await Promise.all(both.map((log, server) => log.append(CHANNEL, `publisher ${server}`, [commit(`${server} ${epoch}`, epoch)])))
        ).flat();
        const winner = outcomes.find(({ status }) => status === "appended");
        const loser = outcomes.find(({ status }) => status !== "appended");
        expect(winner).toMatchObject({ status: "appended", logEpoch: epoch + 1n });
        expect(loser).toEqual({ status: "epoch_taken", winner: sequenceOf(winner), currentEpoch: epoch + 1n });
      }
      await expect.poll(async () => (await texts(both[0])).length).toBe(20);
    });

    it("store a Welcome once that both servers are given, until it is acknowledged at one", async () => {
      const [one, other] = await open();
      let told = 0;
      other.welcomes.watch(CHANNEL, [bytes("bob")], () => told++);
      const welcome = { recipients: [bytes("bob")], payload: bytes("welcome"), publisher: ALICE };
      await Promise.all([one, other].map(({ welcomes }) => welcomes.put(CHANNEL, welcome)));
      await expect.poll(() => told).toBe(1);
      for (const { welcomes } of [one, other]) {
        const found = await welcomes.fetch(CHANNEL, [bytes("bob")], 1000);
        expect(found.map(({ payload }) => textOf(payload))).toEqual(["welcome"]);
        await expect.poll(() => welcomes.storedBytes(ALICE)).toBe("welcome".length);
      }
      await one.welcomes.acknowledge(CHANNEL, await one.welcomes.fetch(CHANNEL, [bytes("bob")], 1000));
      await expect.poll(() => other.welcomes.fetch(CHANNEL, [bytes("bob")], 1000)).toEqual([]);
    });

    it("give a recipient of Welcomes to one account, whichever server it asks", async () => {
      const [one, other] = await open();
      for (let index = 0; index < 10; index++) {
        const recipient = [bytes(`recipient ${index}`)];
        const claimed = await Promise.all([
          one.welcomes.claim(CHANNEL, recipient, "bob's account"),
          other.welcomes.claim(CHANNEL, recipient, "mallory"),
        ]);
        expect(claimed.filter(Boolean)).toHaveLength(1);
      }
    });

    it("return a record or a Welcome at once that the other server has acknowledged", async () => {
      const [one, other] = await open();
      for (let index = 0; index < 10; index++) {
        await one.registry.commit([{ key: `key/${index}`, expected: undefined, record: { index } }]);
        expect((await other.registry.get(`key/${index}`))?.record).toEqual({ index });
        await one.welcomes.put(CHANNEL, { recipients: [bytes(`recipient ${index}`)], payload: bytes("welcome") });
        expect(await other.welcomes.fetch(CHANNEL, [bytes(`recipient ${index}`)], 1000)).toHaveLength(1);
      }
      expect(await other.registry.list("key/", { limit: 100 })).toEqual(await one.registry.list("key/", { limit: 100 }));
    });

    it("lose no increments that callers of both make at the same time", async () => {
      const both = await open();
      const increment = async ({ registry }: ServerStores): Promise<void> => {
        for (;;) {
          const found = await registry.get("count");
          const n = Number(found?.record["n"] ?? 0) + 1;
          const changes = [
            { key: "count", expected: found?.revision, record: { n } },
            { key: `step/${n}`, expected: undefined, record: { n } },
          ];
          const isDone = await registry.commit(changes).then(
            () => true,
            (error: unknown) => {
              if ((error as { code?: unknown }).code !== "conflict") throw error;
              return false;
            },
          );
          if (isDone) return;
        }
      };
      await Promise.all(both.flatMap((server) => Array.from({ length: 15 }, () => increment(server))));
      for (const { registry } of both) {
        await expect.poll(async () => (await registry.get("count"))?.record).toEqual({ n: 30 });
        expect(await registry.list("step/", { limit: 100 })).toHaveLength(30);
      }
    });

    it("count the stored bytes of each publisher on both servers", async () => {
      const [one, other] = await logs();
      await one.append(CHANNEL, ALICE, [entry("12345")]);
      await other.append(CHANNEL, "bob", [entry("123")]);
      await expect
        .poll(() => [one, other].map((log) => [log.storedBytes(ALICE), log.storedBytes("bob")]))
        .toEqual([
          [5, 3],
          [5, 3],
        ]);
    });
  });
}

function entry(text: string, key = text): NewEntry {
  return { body: bytes(text), key };
}

function commit(text: string, epoch: bigint): NewEntry {
  return { ...entry(text), commit: { epoch } };
}

function sequenceOf(outcome: AppendOutcome | undefined): number {
  return outcome === undefined || outcome.status === "epoch_taken" ? 0 : outcome.sequence;
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString();
}

async function texts(log: ChannelLog): Promise<string[]> {
  const { entries } = await log.read(CHANNEL, { from: 1, limit: 1000, maxBytes: 1e6 });
  return entries.map((one) => (one instanceof Uint8Array ? textOf(one) : `${one.evicted} evicted`));
}
