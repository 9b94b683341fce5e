import { LmdbEnvironment } from "@parley/storage-lmdb";
import { type Environment, memoryRecords, storedRecords } from "@parley/storage";
import { rejectionOf, temporaryDirectory } from "@parley/test-assertions";
import { describe, expect, it, onTestFinished } from "vitest";
import { CredentialError } from "../../../src/credentials/credential-error.ts";
import { BLOCK_ENTRIES, LIST_ENTRIES, type StatusBlock } from "../../../src/credentials/status/status-block.ts";
import { StatusLists, type StatusPlace } from "../../../src/credentials/status/status-lists.ts";
import { SCHEMA } from "../../../src/open-stores.ts";

const ISSUER = "did:web:node.example:issuer";
const OTHER = "did:web:node.example:other";

function open(maxPerIssuer = 4): StatusLists {
  return new StatusLists({ records: memoryRecords(), maxPerIssuer });
}

function allocate(lists: StatusLists, count: number, issuer = ISSUER): Promise<StatusPlace[]> {
  return Promise.all(Array.from({ length: count }, () => lists.allocate(issuer)));
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error = await rejectionOf(promise);
  return error instanceof CredentialError ? error.code : undefined;
}

const revoked = (lists: StatusLists, list: string): readonly number[] => [...lists.entries(list, "revocation")].toSorted((a, b) => a - b);
const suspended = (lists: StatusLists, list: string): readonly number[] => [...lists.entries(list, "suspension")];

describe("status lists", () => {
  it("allocate random entries of one list, each once", async () => {
    const lists = open();
    const places = await allocate(lists, 2000);
    expect(new Set(places.map(({ list }) => list)).size).toBe(1);
    const indexes = places.map(({ index }) => index);
    expect(new Set(indexes).size).toBe(2000);
    expect(Math.min(...indexes)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...indexes)).toBeLessThan(LIST_ENTRIES);
    expect(indexes).not.toEqual(indexes.toSorted((a, b) => a - b));
    // Spread over the list, so that they tell no order: a quarter of it without any of 2000 is as good as impossible.
    for (let quarter = 0; quarter < 4; quarter++) {
      expect(indexes.some((index) => Math.floor((index * 4) / LIST_ENTRIES) === quarter)).toBe(true);
    }
  });

  it("give each issuer lists of its own", async () => {
    const lists = open();
    const [[mine], [theirs]] = [await allocate(lists, 1), await allocate(lists, 1, OTHER)];
    expect(mine?.list).not.toBe(theirs?.list);
    expect(lists.describe(mine?.list ?? "")?.issuer).toBe(ISSUER);
    expect(await codeOf(lists.set(OTHER, mine ?? { list: "", index: 0 }, "revoked"))).toBe("status_unknown");
  });

  it("suspend, resume and revoke; a revocation is final", async () => {
    const lists = open();
    const [place = { list: "", index: 0 }] = await allocate(lists, 1);
    const version = (): number | undefined => lists.describe(place.list)?.version;
    const initial = version();
    await lists.set(ISSUER, place, "valid");
    expect(version()).toBe(initial);
    await lists.set(ISSUER, place, "suspended");
    expect([revoked(lists, place.list), suspended(lists, place.list)]).toEqual([[], [place.index]]);
    await lists.set(ISSUER, place, "valid");
    expect([revoked(lists, place.list), suspended(lists, place.list)]).toEqual([[], []]);
    await lists.set(ISSUER, place, "revoked");
    await lists.set(ISSUER, place, "revoked");
    expect(revoked(lists, place.list)).toEqual([place.index]);
    expect(version()).not.toBe(initial);
    for (const state of ["valid", "suspended"] as const) expect(await codeOf(lists.set(ISSUER, place, state))).toBe("status_final");
    expect(revoked(lists, place.list)).toEqual([place.index]);
  });

  it("change only entries that belong to credentials", async () => {
    const lists = open();
    const [place = { list: "", index: 0 }] = await allocate(lists, 1);
    for (const index of [(place.index + 1) % LIST_ENTRIES, -1, LIST_ENTRIES, 1.5, Number.NaN]) {
      expect(await codeOf(lists.set(ISSUER, { ...place, index }, "revoked"))).toBe("status_unknown");
    }
    expect(await codeOf(lists.set(ISSUER, { list: "AAAAAAAAAAAAAAAAAAAAAA", index: 1 }, "revoked"))).toBe("status_unknown");
  });

  it("keep concurrent changes of one block", async () => {
    const lists = open();
    const places = await allocate(lists, 3000);
    await Promise.all(places.map((place, i) => lists.set(ISSUER, place, i % 2 === 0 ? "revoked" : "suspended")));
    const { list = "" } = places[0] ?? {};
    const indexes = (remainder: number): readonly number[] => places.filter((_, i) => i % 2 === remainder).map(({ index }) => index);
    expect(revoked(lists, list)).toEqual(indexes(0).toSorted((a, b) => a - b));
    expect(suspended(lists, list).toSorted((a, b) => a - b)).toEqual(indexes(1).toSorted((a, b) => a - b));
  });

  it("get another list when three quarters are in use, and at most the maximum", async () => {
    const full = "A".repeat(22);
    const allocated = Buffer.alloc(BLOCK_ENTRIES / 8, 0xff).toString("base64url");
    const blocks = Array.from({ length: 192 }, (_, block): StatusBlock => ({ list: full, block, issuer: ISSUER, allocated }));
    const records = { ...memoryRecords<StatusBlock>(), load: () => blocks };
    const place = await new StatusLists({ records, maxPerIssuer: 2 }).allocate(ISSUER);
    expect(place.list).not.toBe(full);
    expect(await codeOf(new StatusLists({ records, maxPerIssuer: 1 }).allocate(ISSUER))).toBe("status_lists_full");
    const almost = { ...memoryRecords<StatusBlock>(), load: () => blocks.slice(0, 191) };
    const free = await new StatusLists({ records: almost, maxPerIssuer: 1 }).allocate(ISSUER);
    expect(free).toMatchObject({ list: full });
    expect(Math.floor(free.index / BLOCK_ENTRIES)).toBeGreaterThanOrEqual(191);
  });

  it("report each change of what is published, and nothing else", async () => {
    const lists = open();
    const changed: string[] = [];
    lists.onChanged((list) => changed.push(list));
    const [place = { list: "", index: 0 }] = await allocate(lists, 1);
    expect(changed).toEqual([]);
    await lists.set(ISSUER, place, "suspended");
    await lists.set(ISSUER, place, "suspended");
    expect(changed).toEqual([place.list]);
    await lists.forget(ISSUER);
    expect(changed).toHaveLength(2);
    expect(lists.describe(place.list)).toBeUndefined();
    expect(lists.size).toBe(0);
  });

  it("survive a restart; those of a DID that is gone do not", async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const of = (environment: Environment): StatusLists =>
      new StatusLists({ records: storedRecords<StatusBlock>(environment, "status-lists"), maxPerIssuer: 4 });
    const places: StatusPlace[] = [];
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const lists = of(environment);
      places.push(...(await allocate(lists, 50)), ...(await allocate(lists, 1, OTHER)));
      for (const place of places.slice(0, 10)) await lists.set(ISSUER, place, "revoked");
    }
    const list = places[0]?.list ?? "";
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const lists = of(environment);
      expect(revoked(lists, list)).toEqual(
        places
          .slice(0, 10)
          .map(({ index }) => index)
          .toSorted((a, b) => a - b),
      );
      expect(await codeOf(lists.set(ISSUER, places[0] ?? { list, index: 0 }, "valid"))).toBe("status_final");
      const more = await allocate(lists, 50);
      expect(new Set([...places.slice(0, 50), ...more].map(({ index }) => index)).size).toBe(100);
      expect(new Set(more.map((place) => place.list))).toEqual(new Set([list]));
      await lists.retain((did) => did === OTHER);
    }
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const lists = of(environment);
    expect([lists.describe(list), lists.size]).toEqual([undefined, 1]);
  });
});
