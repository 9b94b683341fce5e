import { type Environment, MemoryEnvironment, type Write, WriteQueue } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { StoredCredentialStore } from "../../src/credentials/stored-credential-store.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { credentialStoreCompliance } from "./credential-store-compliance.ts";

credentialStoreCompliance("StoredCredentialStore in memory", (maxPerHolder) => {
  const environment = new MemoryEnvironment();
  const open = () => new StoredCredentialStore(environment, maxPerHolder);
  return Promise.resolve({ store: open(), reopen: () => Promise.resolve(open()), cleanup: () => environment.writes.close() });
});

credentialStoreCompliance("StoredCredentialStore on LMDB", async (maxPerHolder) => {
  const directory = await temporaryDirectory();
  let environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  return {
    store: new StoredCredentialStore(environment, maxPerHolder),
    reopen: async () => {
      await environment.close();
      environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      return new StoredCredentialStore(environment, maxPerHolder);
    },
    cleanup: async () => {
      await environment.close();
      await directory.remove();
    },
  };
});

describe("StoredCredentialStore on disk", () => {
  const HOLDER = "did:web:alice.example";
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let environment: LmdbEnvironment;
  let failing: boolean;

  beforeEach(async () => {
    failing = false;
    directory = await temporaryDirectory();
    environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  });
  afterEach(async () => {
    await environment.close();
    await directory.remove();
  });

  /** The environment, with commits that fail while `failing` is set. */
  function fallible(): Environment {
    return {
      table: (name) => environment.table(name),
      writes: new WriteQueue(async (writes: readonly Write[]) => {
        if (failing) throw new Error("no space left on device");
        for (const { table, key, value } of writes) {
          if (value === undefined) environment.writes.remove(table, key);
          else environment.writes.put(table, key, value);
        }
        await environment.writes.flush();
      }),
    };
  }

  it("does not count a credential whose write failed", async () => {
    const store = new StoredCredentialStore(fallible(), 1);
    failing = true;
    await expect(store.add({ holderDid: HOLDER, signed: "a" })).rejects.toMatchObject({ code: "storage_failed", retryable: true });
    failing = false;
    expect(await store.list(HOLDER, { limit: 10 })).toEqual({ credentials: [] });
    await store.add({ holderDid: HOLDER, signed: "b" });
  });

  it("keeps and counts a credential whose removal failed", async () => {
    const store = new StoredCredentialStore(fallible(), 1);
    const { id } = await store.add({ holderDid: HOLDER, signed: "a" });
    failing = true;
    await expect(store.remove(id)).rejects.toMatchObject({ code: "storage_failed" });
    await expect(store.removeHolder(HOLDER)).rejects.toMatchObject({ code: "storage_failed" });
    failing = false;
    expect(await store.get(id)).toBeDefined();
    await expect(store.add({ holderDid: HOLDER, signed: "b" })).rejects.toMatchObject({ code: "wallet_full" });
    expect(await store.remove(id)).toBe(true);
  });

  it("retains the credentials of existing holders only", async () => {
    const store = new StoredCredentialStore(environment, 10);
    const kept = await store.add({ holderDid: HOLDER, signed: "a" });
    for (const signed of ["b", "c"]) await store.add({ holderDid: "did:web:gone.example", signed });
    await store.retain((did) => did === HOLDER);
    expect(await store.list("did:web:gone.example", { limit: 10 })).toEqual({ credentials: [] });
    expect(await store.list(HOLDER, { limit: 10 })).toEqual({ credentials: [kept] });
  });

  it("sets a damaged record aside", async () => {
    const store = new StoredCredentialStore(environment, 10);
    const { id } = await store.add({ holderDid: HOLDER, signed: "a" });
    environment.writes.put(environment.table("credentials"), Buffer.from(id.replaceAll("-", ""), "hex"), Buffer.from("{"));
    await environment.writes.flush();
    expect(await store.get(id)).toBeUndefined();
    await environment.writes.flush();
    expect(environment.table("damaged").size).toBe(1);
  });

  it("keeps the order when the clock is set back", async () => {
    const key = Buffer.concat([Buffer.alloc(32, 1), Buffer.from([0x7f, 0xff, 0xff, 0xff, 0xff, 0xf0])]);
    environment.writes.put(environment.table("credential-holders"), key, Buffer.alloc(16));
    await environment.writes.flush();
    const store = new StoredCredentialStore(environment, 10);
    const added = [];
    for (const signed of ["a", "b", "c"]) added.push(await store.add({ holderDid: HOLDER, signed }));
    expect((await store.list(HOLDER, { limit: 10 })).credentials).toEqual(added);
    const { next = 0 } = await store.list(HOLDER, { limit: 1 });
    expect(next).toBeGreaterThan(Date.now());
  });
});
