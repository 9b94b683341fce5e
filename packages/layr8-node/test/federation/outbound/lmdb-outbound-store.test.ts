import { join } from "node:path";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { LmdbOutboundStore } from "../../../src/federation/outbound/lmdb-outbound-store.ts";
import type { OutboundStoreOptions } from "../../../src/federation/outbound/outbound-store.ts";
import { LmdbInbox } from "../../../src/inbox/lmdb-inbox.ts";
import { SCHEMA } from "../../../src/open-stores.ts";
import { damageText } from "../../storage/damage-text.ts";
import { outboundStoreCompliance } from "./outbound-store-compliance.ts";

outboundStoreCompliance("LmdbOutboundStore", async (options) => {
  const directory = await temporaryDirectory();
  let environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  let store = await LmdbOutboundStore.open(environment, options);
  return {
    store,
    reopen: async () => {
      await store.close();
      await environment.close();
      environment = await LmdbEnvironment.open(directory.path, SCHEMA);
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

describe("LmdbOutboundStore", () => {
  const options: OutboundStoreOptions = { deduplicationMs: 1000, maxRemembered: 10 };
  const message = {
    sender: "did:web:alice.example",
    recipient: "did:web:bob.example",
    id: "1",
    type: "https://example.org/test/1.0/ping",
    plaintext: "{}",
    expiresAt: Number.POSITIVE_INFINITY,
  };

  it("adds its tables to a directory of an earlier version", async () => {
    const directory = await temporaryDirectory();
    const before = await LmdbEnvironment.open(directory.path, SCHEMA);
    await (await LmdbInbox.open(before)).close();
    await before.close();

    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    await LmdbInbox.open(environment);
    const store = await LmdbOutboundStore.open(environment, options);
    expect([...store.entries()]).toEqual([]);
    const appended = await store.append(message);
    expect(appended.status).toBe("stored");
    await directory.remove();
  });

  it("clamps expiry times that a key cannot hold", async () => {
    const directory = await temporaryDirectory();
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
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

  it("sets aside a message whose sender is missing, and keeps the others", async () => {
    const directory = await temporaryDirectory();
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const { writes } = environment;
    writes.put(environment.table("outbound"), Buffer.alloc(32, 1), Buffer.from("x"));
    await writes.flush();
    const store = await LmdbOutboundStore.open(environment, options);
    expect([...store.entries()]).toEqual([]);
    expect(environment.table("damaged").size).toBe(1);
    expect((await store.append(message)).status).toBe("stored");
    await directory.remove();
  });

  it("reports a damaged message", async () => {
    const directory = await temporaryDirectory();
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
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

  it.each([
    ["its text", "text to damage", { id: "damaged", type: "https://example.org/t/1.0/m", expiresAt: 5_000_000_000_000 }],
    ["its header", "https://example.org/t/1.0/m", undefined],
  ])("salvages what is intact of a message with damage in %s, and keeps the record", async (_, damaged, left) => {
    const directory = await temporaryDirectory();
    {
      await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      const store = await LmdbOutboundStore.open(environment, options);
      for (const id of ["damaged", "intact"]) {
        const type = id === "damaged" ? "https://example.org/t/1.0/m" : "https://example.org/t/1.0/other";
        const plaintext = id === "damaged" ? "text to damage" : "other text";
        const message = { sender: "did:web:a", recipient: "did:web:b", id, type, plaintext, expiresAt: 5_000_000_000_000 };
        const appended = await store.append(message);
        if (appended.status === "stored") await appended.durable;
      }
      await store.close();
    }
    await damageText(join(directory.path, "node.mdb"), damaged);
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const store = await LmdbOutboundStore.open(environment, options);
    const [first, second] = store.entries();
    if (first === undefined || second === undefined) throw new Error("the entries are missing");
    expect(() => store.read(first)).toThrowError(expect.objectContaining({ code: "record_damaged" }));
    const salvaged = store.salvage(first);
    expect(salvaged && { ...salvaged, plaintext: JSON.parse(salvaged.plaintext) as unknown }).toEqual(
      left && {
        ...left,
        sender: "did:web:a",
        recipient: "did:web:b",
        plaintext: { id: left.id, type: left.type, from: "did:web:a", to: ["did:web:b"], body: {} },
      },
    );
    await environment.writes.flush();
    expect(environment.table("damaged").size).toBe(1);
    expect(environment.table("outbound").size).toBe(1);
    expect(store.read(second).plaintext).toBe("other text");
    await directory.remove();
  });
});
