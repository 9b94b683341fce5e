import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_PAGE_LENGTH, type CredentialStore } from "../../src/credentials/credential-store.ts";

/** What the suite asks of an implementation's test. */
export interface StoreUnderTest {
  readonly store: CredentialStore;
  /** Closes the store and opens it again as after a restart. Absent when nothing survives one. */
  reopen?(): Promise<CredentialStore>;
  cleanup(): Promise<void>;
}

const ALICE = "did:web:alice.example";
const BOB = `did:web:bob.example:${"long".repeat(400)}`;
const ALL = { limit: 1000 };
const MAX_PER_HOLDER = 60;

/** The rules of {@link CredentialStore}, for any implementation. Calls `describe`; the whole test of an implementation is a call to it. */
export function credentialStoreCompliance(name: string, create: (maxPerHolder: number) => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: CredentialStore;

    beforeEach(async () => {
      under = await create(MAX_PER_HOLDER);
      store = under.store;
    });
    afterEach(() => under.cleanup());

    async function reopen(): Promise<void> {
      store = (await under.reopen?.()) ?? store;
    }

    async function add(holderDid: string, signed = "a.b.c"): Promise<string> {
      return (await store.add({ holderDid, signed })).id;
    }

    async function ids(holderDid: string): Promise<readonly string[]> {
      return (await store.list(holderDid, ALL)).credentials.map(({ id }) => id);
    }

    /** Walks all pages, doing something between them. */
    async function walk(holderDid: string, limit: number, between: (page: number) => Promise<unknown>): Promise<readonly string[]> {
      const seen: string[] = [];
      let after: number | undefined;
      for (let page = 0; ; page += 1) {
        const { credentials, next } = await store.list(holderDid, { limit, after });
        seen.push(...credentials.map(({ id }) => id));
        if (next === undefined) return seen;
        after = next;
        await between(page);
      }
    }

    it("returns a stored credential under an unguessable id", async () => {
      const stored = await store.add({ holderDid: ALICE, signed: "a.b.c", issuerDid: BOB, validUntil: "2999-01-01T00:00:00Z" });
      expect(stored.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      await reopen();
      expect(await store.get(stored.id)).toEqual(stored);
      expect(await store.list(ALICE, ALL)).toEqual({ credentials: [stored] });
    });

    it("rejects ids that it did not assign", async () => {
      await add(ALICE);
      for (const id of ["", "x", "11111111-1111-4111-8111-111111111111", "../../x", "\u0000", "1".repeat(5000)]) {
        expect(await store.get(id)).toBeUndefined();
        expect(await store.remove(id)).toBe(false);
      }
    });

    it("lists each holder's credentials in the order of storing", async () => {
      const expected: string[] = [];
      for (let i = 0; i < 20; i += 1) {
        expected.push(await add(ALICE));
        await add(BOB);
      }
      await reopen();
      expected.push(await add(ALICE));
      expect(await ids(ALICE)).toEqual(expected);
      expect(await ids(BOB)).toHaveLength(20);
      expect(await ids("did:web:nobody.example")).toEqual([]);
    });

    it("keeps the order of concurrent calls", async () => {
      const added = await Promise.all(Array.from({ length: 30 }, () => add(ALICE)));
      expect(await ids(ALICE)).toEqual(added);
    });

    it("removes a credential once", async () => {
      const [first, second] = [await add(ALICE), await add(ALICE)];
      expect(await Promise.all([store.remove(first), store.remove(first)])).toEqual([true, false]);
      expect(await store.get(first)).toBeUndefined();
      await reopen();
      expect(await ids(ALICE)).toEqual([second]);
      expect(await store.remove(first)).toBe(false);
    });

    it("removes all credentials of a holder, and none of others", async () => {
      for (let i = 0; i < 5; i += 1) await Promise.all([add(ALICE), add(BOB)]);
      const [one = ""] = await ids(ALICE);
      await Promise.all([store.remove(one), store.removeHolder(ALICE), store.removeHolder("did:web:nobody.example")]);
      await reopen();
      expect(await ids(ALICE)).toEqual([]);
      expect(await ids(BOB)).toHaveLength(5);
    });

    it("removes a holder's credentials that are still being stored", async () => {
      const adding = Array.from({ length: 5 }, () => add(ALICE));
      await store.removeHolder(ALICE);
      for (const id of await Promise.all(adding)) expect(await store.get(id)).toBeUndefined();
    });

    it("limits the credentials of a holder, concurrent ones included, and accepts more after a removal", async () => {
      const full = { code: "wallet_full", retryable: false };
      const results = await Promise.allSettled(Array.from({ length: MAX_PER_HOLDER + 3 }, () => add(ALICE)));
      expect(results.filter(({ status }) => status === "rejected")).toHaveLength(3);
      await reopen();
      await expect(add(ALICE)).rejects.toMatchObject(full);
      await add(BOB);
      await store.remove((await ids(ALICE))[0] ?? "");
      await add(ALICE);
      await expect(add(ALICE)).rejects.toMatchObject(full);
      await store.removeHolder(ALICE);
      await add(ALICE);
    });

    it("ends a page at its maximum length", async () => {
      const long = "x".repeat(MAX_PAGE_LENGTH / 2);
      for (let i = 0; i < 3; i += 1) await add(ALICE, long);
      expect((await store.list(ALICE, ALL)).credentials).toHaveLength(2);
      expect(await walk(ALICE, 1000, () => Promise.resolve())).toEqual(await walk(ALICE, 1, () => Promise.resolve()));
    });

    it("pages through each remaining credential once while others are added and removed", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 12 }),
          fc.integer({ min: 1, max: 5 }),
          fc.array(fc.record({ add: fc.boolean(), remove: fc.option(fc.nat({ max: 11 }), { nil: undefined }) }), { maxLength: 6 }),
          async (count, limit, changes) => {
            await store.removeHolder(ALICE);
            const there: string[] = [];
            for (let i = 0; i < count; i += 1) there.push(await add(ALICE));
            const removed = new Set<string>();
            const added: string[] = [];
            const seen = await walk(ALICE, limit, async (page) => {
              const change = changes[page];
              if (change?.add === true) added.push(await add(ALICE));
              const victim = change?.remove === undefined ? undefined : there[change.remove];
              if (victim !== undefined && (await store.remove(victim))) removed.add(victim);
            });
            expect(new Set(seen).size).toBe(seen.length);
            const staying = there.filter((id) => !removed.has(id));
            expect(seen.filter((id) => staying.includes(id))).toEqual(staying);
            // Credentials added during the iteration appear at its end.
            expect(seen.filter((id) => added.includes(id))).toEqual(added);
          },
        ),
        { numRuns: 40 },
      );
    });
  });
}
