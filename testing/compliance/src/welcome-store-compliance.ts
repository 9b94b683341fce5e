import { describe, expect, it, onTestFinished } from "vitest";
import type { StoredWelcome, WelcomeOptions, WelcomeStore } from "@parley/skytale-server/storage";

/** A store of Welcomes under test, and how to reopen and release it. */
export interface WelcomeStoreHarness {
  readonly welcomes: WelcomeStore;
  /** Reopens the store on the same data, as after a restart. Absent if the store is not durable. */
  readonly reopen?: (() => Promise<WelcomeStore>) | undefined;
  stop(): Promise<void>;
}

const CHANNEL = "acme/team/general";

/**
 * Registers vitest tests of the `WelcomeStore` interface of a relay. `setUp` creates an empty one for each test. Without `durable`, tests of
 * restarts are omitted.
 */
export function welcomeStoreCompliance(
  name: string,
  setUp: (options: WelcomeOptions) => Promise<WelcomeStoreHarness>,
  { durable }: { readonly durable: boolean },
): void {
  async function start(options: WelcomeOptions = {}): Promise<WelcomeStoreHarness> {
    const harness = await setUp(options);
    onTestFinished(() => harness.stop());
    return harness;
  }

  async function open(options: WelcomeOptions = {}): Promise<WelcomeStore> {
    return (await start(options)).welcomes;
  }

  describe(name, () => {
    it("stores a Welcome for each recipient until that recipient acknowledges it", async () => {
      const welcomes = await open();
      const [bob, carol] = [bytes("bob"), bytes("carol")];
      expect(await welcomes.put(CHANNEL, { recipients: [bob, carol], payload: bytes("welcome") })).toBe(true);
      const forBob = await welcomes.fetch(CHANNEL, [bob], 1000);
      expect(texts(forBob)).toEqual([["bob", "welcome"]]);
      expect(texts(await welcomes.fetch(CHANNEL, [bob], 1000))).toEqual([["bob", "welcome"]]);
      await welcomes.acknowledge(CHANNEL, forBob);
      expect(await welcomes.fetch(CHANNEL, [bob], 1000)).toEqual([]);
      expect(texts(await welcomes.fetch(CHANNEL, [bob, carol], 1000))).toEqual([["carol", "welcome"]]);
    });

    it("stores a repeated Welcome once", async () => {
      const welcomes = await open();
      const welcome = { recipients: [bytes("bob")], payload: bytes("welcome") };
      await Promise.all([welcomes.put(CHANNEL, welcome), welcomes.put(CHANNEL, welcome)]);
      await welcomes.put(CHANNEL, { ...welcome, recipients: [bytes("bob"), bytes("carol")] });
      const found = await welcomes.fetch(CHANNEL, [bytes("bob"), bytes("bob")], 1000);
      expect(texts(found)).toEqual([["bob", "welcome"]]);
      await welcomes.acknowledge(CHANNEL, found);
      expect(texts(await welcomes.fetch(CHANNEL, [bytes("bob"), bytes("carol")], 1000))).toEqual([["carol", "welcome"]]);
    });

    it("separates channels", async () => {
      const welcomes = await open();
      await welcomes.put(CHANNEL, { recipients: [bytes("bob")], payload: bytes("welcome") });
      const [found] = await welcomes.fetch(CHANNEL, [bytes("bob")], 1000);
      expect(await welcomes.fetch("acme/team/other", [bytes("bob")], 1000)).toEqual([]);
      await welcomes.acknowledge("acme/team/other", found === undefined ? [] : [found]);
      expect(await welcomes.fetch(CHANNEL, [bytes("bob")], 1000)).toHaveLength(1);
    });

    it("returns the oldest first, up to the limit, but at least one", async () => {
      let now = 1000;
      const welcomes = await open({ now: () => now });
      for (const text of ["first", "second", "third"]) {
        await welcomes.put(CHANNEL, { recipients: [bytes("bob")], payload: bytes(text.repeat(10)) });
        now += 1000;
      }
      const lengths = async (maxBytes: number): Promise<number[]> =>
        (await welcomes.fetch(CHANNEL, [bytes("bob")], maxBytes)).map(({ recordedAt }) => recordedAt);
      expect(await lengths(1000)).toEqual([1000, 2000, 3000]);
      expect(await lengths(110)).toEqual([1000, 2000]);
      expect(await lengths(1)).toEqual([1000]);
    });

    it("drops Welcomes that expired", async () => {
      let now = 1000;
      const welcomes = await open({ now: () => now, limits: { ttlMs: 1000 } });
      await welcomes.put(CHANNEL, { recipients: [bytes("bob")], payload: bytes("old") });
      now += 800;
      await welcomes.put(CHANNEL, { recipients: [bytes("bob")], payload: bytes("new") });
      now += 800;
      await welcomes.expire();
      expect(texts(await welcomes.fetch(CHANNEL, [bytes("bob")], 1000))).toEqual([["bob", "new"]]);
    });

    it("limits Welcomes per channel, and accepts more after some were removed", async () => {
      const welcomes = await open({ limits: { maxPerChannel: 2, maxBytesPerChannel: 100 } });
      const put = (recipient: string, length: number): Promise<boolean> =>
        welcomes.put(CHANNEL, { recipients: [bytes(recipient)], payload: new Uint8Array(length).fill(1) });
      expect(await put("bob", 101)).toBe(false);
      expect(await put("bob", 60)).toBe(true);
      expect(await put("carol", 41)).toBe(false);
      expect(await put("carol", 40)).toBe(true);
      expect(await put("dave", 1)).toBe(false);
      await welcomes.acknowledge(CHANNEL, await welcomes.fetch(CHANNEL, [bytes("bob")], 1000));
      expect(await put("dave", 60)).toBe(true);
    });

    it("notifies watchers of a recipient", async () => {
      const welcomes = await open();
      let told = 0;
      const stop = welcomes.watch(CHANNEL, [bytes("bob"), bytes("carol")], () => told++);
      await welcomes.put(CHANNEL, { recipients: [bytes("dave")], payload: bytes("a") });
      expect(told).toBe(0);
      await welcomes.put(CHANNEL, { recipients: [bytes("dave"), bytes("carol")], payload: bytes("b") });
      expect(told).toBe(1);
      stop();
      await welcomes.put(CHANNEL, { recipients: [bytes("bob")], payload: bytes("c") });
      expect(told).toBe(1);
    });

    it("gives a recipient to the account that claims it first", async () => {
      const welcomes = await open();
      const [bob, carol] = [bytes("bob"), bytes("carol")];
      expect(await welcomes.claim(CHANNEL, [bob], "bob's account")).toBe(true);
      expect(await welcomes.claim(CHANNEL, [bob], "mallory")).toBe(false);
      expect(await welcomes.claim(CHANNEL, [carol, bob], "mallory")).toBe(false);
      expect(await welcomes.claim("acme/team/other", [bob], "mallory")).toBe(true);
      expect(await welcomes.claim(CHANNEL, [bob], "bob's account")).toBe(true);
    });

    it("keeps an account's claims, however many recipients another account claims", async () => {
      const welcomes = await open();
      await welcomes.claim(CHANNEL, [bytes("bob")], "bob's account");
      await welcomes.claim(CHANNEL, [bytes("first")], "mallory");
      const recipients = Array.from({ length: 1000 }, (_, index) => bytes(`mallory ${index}`));
      await welcomes.claim(CHANNEL, recipients, "mallory");
      expect(await welcomes.claim(CHANNEL, [bytes("bob")], "mallory")).toBe(false);
      expect(await welcomes.claim(CHANNEL, [bytes("first")], "carol's account")).toBe(true);
    });

    it("drops claims when their Welcomes would have expired", async () => {
      let now = 1000;
      const welcomes = await open({ limits: { ttlMs: 1000 }, now: () => now });
      await welcomes.claim(CHANNEL, [bytes("bob")], "bob's account");
      now += 2000;
      await welcomes.expire();
      expect(await welcomes.claim(CHANNEL, [bytes("bob")], "carol's account")).toBe(true);
    });

    if (!durable) return;

    it("keeps claims and the counts of stored bytes across a restart", async () => {
      const { welcomes, reopen } = await start();
      if (reopen === undefined) throw new Error("a durable store can be reopened");
      await welcomes.claim(CHANNEL, [bytes("bob")], "bob's account");
      await welcomes.put(CHANNEL, { recipients: [bytes("bob"), bytes("carol")], payload: bytes("welcome"), publisher: "alice" });
      expect(welcomes.storedBytes("alice")).toBe("welcome".length);
      const again = await reopen();
      expect(again.storedBytes("alice")).toBe("welcome".length);
      expect(await again.claim(CHANNEL, [bytes("bob")], "mallory")).toBe(false);
      expect(await again.claim(CHANNEL, [bytes("bob")], "bob's account")).toBe(true);
      await again.acknowledge(CHANNEL, await again.fetch(CHANNEL, [bytes("bob"), bytes("carol")], 1000));
      expect(again.storedBytes("alice")).toBe(0);
    });

    it("survives a restart", async () => {
      const { welcomes, reopen } = await start();
      if (reopen === undefined) throw new Error("a durable store can be reopened");
      await welcomes.put(CHANNEL, { recipients: [bytes("bob"), bytes("carol")], payload: bytes("welcome") });
      await welcomes.acknowledge(CHANNEL, await welcomes.fetch(CHANNEL, [bytes("bob")], 1000));
      const again = await reopen();
      const found = await again.fetch(CHANNEL, [bytes("bob"), bytes("carol")], 1000);
      expect(texts(found)).toEqual([["carol", "welcome"]]);
      await again.acknowledge(CHANNEL, found);
      expect(await again.fetch(CHANNEL, [bytes("bob"), bytes("carol")], 1000)).toEqual([]);
    });
  });
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function texts(welcomes: readonly StoredWelcome[]): [string, string][] {
  return welcomes.map(({ recipient, payload }) => [Buffer.from(recipient).toString(), Buffer.from(payload).toString()]);
}
