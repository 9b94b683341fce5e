import { StorageEnvironment } from "@parley/storage";
import { describe, expect, it } from "vitest";
import { LmdbOutboundStore } from "../../../src/federation/outbound/lmdb-outbound-store.ts";
import type { OutboundStoreOptions } from "../../../src/federation/outbound/outbound-store.ts";
import { LmdbInbox } from "../../../src/inbox/lmdb-inbox.ts";
import { SCHEMA } from "../../../src/stores.ts";
import { temporaryDirectory } from "../../storage/temporary-directory.ts";
import { outboundStoreCompliance } from "./outbound-store-compliance.ts";

outboundStoreCompliance("LmdbOutboundStore", async (options) => {
  const directory = await temporaryDirectory();
  let environment = await StorageEnvironment.open(directory.path, SCHEMA);
  let store = await LmdbOutboundStore.open(environment, options);
  return {
    store,
    reopen: async () => {
      await store.close();
      await environment.close();
      environment = await StorageEnvironment.open(directory.path, SCHEMA);
      store = await LmdbOutboundStore.open(environment, options);
      return store;
    },
    cleanup: async () => {
      await store.close();
      await environment.close();
      await directory.remove();
    },
  };
});

describe("the queue in a data directory", () => {
  const options: OutboundStoreOptions = { deduplicationMs: 1000, maxRemembered: 10 };
  const message = {
    sender: "did:web:alice.example",
    recipient: "did:web:bob.example",
    id: "1",
    type: "https://example.org/test/1.0/ping",
    plaintext: "{}",
    expiresAt: Number.POSITIVE_INFINITY,
  };

  it("is added to a directory that has none yet", async () => {
    const directory = await temporaryDirectory();
    const before = await StorageEnvironment.open(directory.path, SCHEMA);
    await (await LmdbInbox.open(before)).close();
    await before.close();

    await using environment = await StorageEnvironment.open(directory.path, SCHEMA);
    await LmdbInbox.open(environment);
    const store = await LmdbOutboundStore.open(environment, options);
    expect([...store.entries()]).toEqual([]);
    const appended = await store.append(message);
    expect(appended.status).toBe("stored");
    await directory.remove();
  });

  it("takes times that no key can hold for the latest and the earliest", async () => {
    const directory = await temporaryDirectory();
    await using environment = await StorageEnvironment.open(directory.path, SCHEMA);
    const store = await LmdbOutboundStore.open(environment, options);
    const times = [Number.POSITIVE_INFINITY, -1, 1.5];
    const stored = await Promise.all(times.map((expiresAt, index) => store.append({ ...message, expiresAt, id: String(index) })));
    expect(stored.map((appended) => (appended.status === "stored" ? appended.entry.expiresAt : appended.status))).toEqual([
      2 ** 48 - 1,
      0,
      2,
    ]);
    await directory.remove();
  });

  it("sets a message aside whose sender is missing, and keeps the others", async () => {
    const directory = await temporaryDirectory();
    await using environment = await StorageEnvironment.open(directory.path, SCHEMA);
    const { writes } = environment;
    writes.put(environment.table("outbound"), Buffer.alloc(32, 1), Buffer.from("x"));
    await writes.flush();
    const store = await LmdbOutboundStore.open(environment, options);
    expect([...store.entries()]).toEqual([]);
    expect(environment.table("damaged").size).toBe(1);
    expect((await store.append(message)).status).toBe("stored");
    await directory.remove();
  });

  it("says so where a message is damaged", async () => {
    const directory = await temporaryDirectory();
    await using environment = await StorageEnvironment.open(directory.path, SCHEMA);
    const { writes } = environment;
    writes.put(environment.table("outbound-lanes"), Buffer.from([0, 0, 0, 0, 0, 2]), Buffer.from('["did:web:a","did:web:b"]'));
    const key = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2]), Buffer.alloc(20)]);
    writes.put(environment.table("outbound"), key, Buffer.from("x"));
    await writes.flush();
    const store = await LmdbOutboundStore.open(environment, options);
    const [entry] = store.entries();
    expect(entry).toMatchObject({ sender: "did:web:a", recipient: "did:web:b", seq: 1 });
    expect(() => entry && store.read(entry)).toThrowError(expect.objectContaining({ code: "record_damaged" }));
    await directory.remove();
  });
});
