import { SealingKey } from "@parley/storage";
import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { NonceMemory } from "../../src/credentials/nonce-memory.ts";
import { ApiKeys, type ApiKeyRecord } from "../../src/identity/api-keys.ts";
import { Dids } from "../../src/identity/dids.ts";
import type { DidRecord } from "../../src/identity/hosted-did.ts";
import { JetstreamCredentialStore, JetstreamNonces, JetstreamRecords } from "../../src/jetstream.ts";
import { useNats } from "./nats-servers.ts";

const DID = "did:web:node.example:agents:alice";
const KEY = "an-imported-key-of-the-configuration";

for (const count of [1, 3] as const) {
  describeUnless(missingNats(count), `identity of nodes on ${count} NATS server(s)`, () => {
    const nats = useNats(count);

    async function recordsOf<T extends DidRecord | ApiKeyRecord>(
      prefix: string,
      name: string,
      keyOf: (record: T) => string,
    ): Promise<JetstreamRecords<T>> {
      const connection = await nats.connect(prefix);
      const records = await JetstreamRecords.open<T>(connection, { name, keyOf });
      onTestFinished(async () => {
        await records.close();
        await connection.close();
      });
      return records;
    }

    const openKeys = async (prefix: string): Promise<ApiKeys> => new ApiKeys(await recordsOf<ApiKeyRecord>(prefix, "keys", ({ id }) => id));

    const openDids = async (prefix: string, nodeKey: SealingKey): Promise<Dids> =>
      new Dids({ records: await recordsOf<DidRecord>(prefix, "dids", ({ did }) => did), nodeKey });

    it("makes an API key valid on all nodes, until one of them revokes it", async () => {
      const prefix = nats.newPrefix();
      const [first, second] = [await openKeys(prefix), await openKeys(prefix)];
      const { id, key } = await first.create({ dids: ["did:web:node.example:*"] });
      await expect.poll(() => second.find(key)).toMatchObject({ id, dids: ["did:web:node.example:*"] });
      expect((await openKeys(prefix)).find(key)).toMatchObject({ id });
      const revoked: string[] = [];
      first.onRevoked((each) => revoked.push(each));
      expect(await second.revoke(id)).toBe(true);
      await expect.poll(() => revoked).toEqual([id]);
      expect(first.find(key)).toBeUndefined();
    });

    it("gives an imported API key the same id on all nodes, and makes it valid only where it is imported", async () => {
      const prefix = nats.newPrefix();
      const [first, second, third] = [await openKeys(prefix), await openKeys(prefix), await openKeys(prefix)];
      const [one, other] = await Promise.all([first, second].map((keys) => keys.import({ key: KEY, dids: "any" })));
      expect(one?.id).toBe(other?.id);
      for (const keys of [first, second]) expect(keys.find(KEY)).toMatchObject({ id: one?.id });
      expect(third.find(KEY)).toBeUndefined();
      expect((await third.import({ key: KEY, dids: "any" })).id).toBe(one?.id);
    });

    it("hosts a DID on all nodes with the same keys, which only nodes with the node key can open", async () => {
      const prefix = nats.newPrefix();
      const nodeKey = SealingKey.random();
      const apiKeys = await openKeys(prefix);
      await apiKeys.import({ key: KEY, dids: "any" });
      const owner = apiKeys.find(KEY);
      if (owner === undefined) throw new Error("unknown key");
      const nodes = await Promise.all([1, 2, 3].map(() => openDids(prefix, nodeKey)));
      await Promise.all(nodes.map((dids) => dids.ensure(DID, { mode: "Create", owner })));
      for (const dids of nodes) expect(dids.has(DID)).toBe(true);
      const documents = await Promise.all(nodes.map((dids) => dids.document(DID, "https://node.example")));
      expect(new Set(documents.map((document) => JSON.stringify(document))).size).toBe(1);
      const keys = await Promise.all(nodes.map(async (dids) => (await dids.privateKey(DID, "signing"))?.export({ format: "jwk" })));
      expect(keys[1]).toEqual(keys[0]);
      await expect(openDids(prefix, SealingKey.random())).rejects.toMatchObject({ code: "data_dir_unusable" });
    });

    it("gives a DID to one API key, when two nodes create it at once", async () => {
      const prefix = nats.newPrefix();
      const apiKeys = await openKeys(prefix);
      const owners = [];
      for (const name of ["a", "b"]) {
        const { key } = await apiKeys.create({ name, dids: [] });
        owners.push(apiKeys.find(key));
      }
      const nodeKey = SealingKey.random();
      const [one, other] = [await openDids(prefix, nodeKey), await openDids(prefix, nodeKey)];
      const [a, b] = owners;
      if (a === undefined || b === undefined) throw new Error("unknown key");
      const { did } = await one.assign("node.example", a);
      await expect.poll(() => other.has(did)).toBe(true);
      expect(other.ownerOf(did)).toBe(a.id);
      await expect(other.ensure(did, { mode: "Create", owner: b })).rejects.toMatchObject({ code: "did_not_allowed" });
      for await (const expired of one.expire(Number.POSITIVE_INFINITY, () => false)) expect(expired).toBe(did);
      await expect.poll(() => other.has(did)).toBe(false);
    });

    it("accepts a nonce at one node", async () => {
      const prefix = nats.newPrefix();
      const open = async (): Promise<NonceMemory> => {
        const connection = await nats.connect(prefix);
        onTestFinished(() => connection.close());
        const shared = await JetstreamNonces.open(connection, { windowMs: 60_000, maxEntries: 1000 });
        return new NonceMemory({ windowMs: 60_000, maxEntries: 100, shared });
      };
      const [one, other] = [await open(), await open()];
      const use = (nonces: NonceMemory, nonce: string): Promise<void> => nonces.use("key", DID, "did:web:holder.example", nonce, undefined);
      const results = await Promise.allSettled([use(one, "n"), use(other, "n")]);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "nonce_replayed" } });
      await use(other, "m");
      await expect(use(one, "m")).rejects.toMatchObject({ code: "nonce_replayed" });
    });

    it("shows a credential at all nodes, and removes it for all", async () => {
      const prefix = nats.newPrefix();
      const open = async (): Promise<JetstreamCredentialStore> => {
        const connection = await nats.connect(prefix);
        onTestFinished(() => connection.close());
        return JetstreamCredentialStore.open(connection, 10);
      };
      const stores = [await open(), await open()];
      const [one, other] = stores as [JetstreamCredentialStore, JetstreamCredentialStore];
      const added = await Promise.all(stores.map((store) => store.add({ holderDid: DID, signed: "a.b.c" })));
      const ids = added.map(({ id }) => id).toSorted();
      for (const store of stores) {
        expect((await store.list(DID, { limit: 10 })).credentials.map(({ id }) => id).toSorted()).toEqual(ids);
      }
      const removed = await Promise.all(stores.map((store) => store.remove(ids[0] ?? "")));
      expect(removed.filter(Boolean)).toHaveLength(1);
      expect(await one.get(ids[0] ?? "")).toBeUndefined();
      await one.removeHolder(DID);
      expect(await other.list(DID, { limit: 10 })).toEqual({ credentials: [] });
    });
  });
}
