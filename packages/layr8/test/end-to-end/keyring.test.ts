import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentKids, verifyKeyStatement } from "@parley/didcomm-crypto";
import { rejectionOf, temporaryDirectory } from "@parley/test-assertions";
import { describe, expect, it, onTestFinished } from "vitest";
import { DirectoryKeyStore } from "../../src/end-to-end/directory-key-store.ts";
import { Keyring, nameOf } from "../../src/end-to-end/keyring.ts";
import { MemoryKeyStore } from "./memory-key-store.ts";

const DID = "did:web:a.example:alice";
const HOUR = 3_600_000;

describe("a keyring", () => {
  it("creates keys once, and proves them", async () => {
    const store = new MemoryKeyStore();
    const keyring = await Keyring.open(store, DID, 0);
    const proof = String(keyring.presented(1_700_000_000_000)["proof"]);
    expect(await verifyKeyStatement(proof)).toEqual({ did: DID, sequence: 0, ...keyring.publicKeys, madeAt: 1_700_000_000_000 });
    expect((await Keyring.open(store, DID, 0)).publicKeys).toEqual(keyring.publicKeys);
    expect(store.writes).toBe(1);
  });

  it("keeps a former key for decryption until it expires, in its store too", async () => {
    const store = new MemoryKeyStore();
    const now = Date.now();
    const keyring = await Keyring.open(store, DID, now);
    const former = agentKids(DID, keyring.publicKeys).agreement;
    await keyring.rotate(now + HOUR, now);
    expect(keyring.privateKey(former)).toBeDefined();
    expect(keyring.privateKey(agentKids(DID, keyring.publicKeys).agreement)).toBeDefined();
    const text = store.texts.get(`${nameOf(DID)}.keys`) ?? "";
    const secret = keyring.privateKey(former)?.d ?? "";
    expect(text).toContain(secret);
    expect((await Keyring.open(store, DID, now + HOUR - 1)).privateKey(former)).toBeDefined();
    expect((await Keyring.open(store, DID, now + HOUR)).privateKey(former)).toBeUndefined();
    expect(store.texts.get(`${nameOf(DID)}.keys`)).not.toContain(secret);
  });

  it("lists the latest rotations, each signed with the key before it", async () => {
    const keyring = await Keyring.open(new MemoryKeyStore(), DID, 0);
    let former = keyring.publicKeys;
    for (let sequence = 1; sequence <= 20; sequence++) {
      await keyring.rotate(Date.now() + HOUR, Date.now());
      const rotations = keyring.presented(0)["rotations"] as readonly string[];
      expect(rotations).toHaveLength(Math.min(sequence, 16));
      expect(await verifyKeyStatement(rotations.at(-1) ?? "", former)).toMatchObject({ sequence, ...keyring.publicKeys });
      former = keyring.publicKeys;
    }
  });

  it("does not use keys that it has not stored", async () => {
    const store = new MemoryKeyStore();
    const keyring = await Keyring.open(store, DID, 0);
    const before = keyring.publicKeys;
    store.write = () => Promise.reject(new Error("disk full"));
    await expect(keyring.rotate(Date.now() + HOUR, Date.now())).rejects.toThrow("disk full");
    expect(keyring.publicKeys).toEqual(before);
  });

  it.each(["", "null", "{}", '{"version":2}', '{"version":1,"did":"did:web:a.example:alice","signing":{},"agreement":{}}'])(
    "rejects a damaged store, without showing its content: %s",
    async (text) => {
      const store = new MemoryKeyStore();
      await store.write(`${nameOf(DID)}.keys`, text);
      const error = await rejectionOf(Keyring.open(store, DID, 0));
      expect(error).toMatchObject({
        code: "key_store_invalid",
        message: `"${nameOf(DID)}.keys" of the key store is damaged: its keys can't be read. Restore it from a backup`,
      });
      expect(error).not.toHaveProperty("cause");
    },
  );

  it("rejects the keys of another DID", async () => {
    const store = new MemoryKeyStore();
    const { did } = await Keyring.open(store, undefined, 0);
    expect((await Keyring.open(store, did, 0)).did).toBe(did);
    await expect(Keyring.open(store, "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", 0)).rejects.toMatchObject({
      code: "key_store_invalid",
    });
    await expect(Keyring.open(new MemoryKeyStore(), did, 0)).rejects.toMatchObject({ code: "key_store_invalid" });
  });
});

describe("keys that are missing", () => {
  it.each(["pins", "handled"])("beside a file of %s are not replaced by new ones", async (kind) => {
    const store = new MemoryKeyStore();
    await store.write(`${nameOf(DID)}.${kind}`, "");
    const error = await rejectionOf(Keyring.open(store, DID, 0));
    expect(error).toMatchObject({ code: "key_store_invalid" });
    expect(String(error)).toContain(`"${nameOf(DID)}.keys" of the key store is missing`);
    expect(String(error)).toContain(`but not "${nameOf(DID)}.${kind}" of the key store`);
    expect(store.texts.size).toBe(1);
  });

  it("are those of another process that has created them first", async () => {
    const store = new MemoryKeyStore();
    const other = new MemoryKeyStore();
    const first = await Keyring.open(other, DID, 0);
    const create = (name: string): Promise<boolean> => {
      store.texts.set(name, other.texts.get(name) ?? "");
      return Promise.resolve(false);
    };
    const second = await Keyring.open(Object.assign(store, { create }), DID, 0);
    expect(second.publicKeys).toEqual(first.publicKeys);
    expect([first.createdAt, second.createdAt]).toEqual([`"${nameOf(DID)}.keys" of the key store`, undefined]);
  });
});

describe("a directory of keys", () => {
  it("is its owner's alone, also over files with other rights", async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory[Symbol.asyncDispose]());
    const path = join(directory.path, "keys");
    await mkdir(path);
    await writeFile(join(path, "one.keys.new"), "left by a crash", { mode: 0o644 });
    await chmod(join(path, "one.keys.new"), 0o644);
    await chmod(path, 0o755);
    const store = await DirectoryKeyStore.open(path);
    onTestFinished(() => store.close());
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await store.write("one.keys", "secret");
    await store.append("one.pins", "line\n");
    await store.append("one.pins", "line\n");
    expect((await readdir(path)).filter((name) => !name.startsWith("lock."))).toEqual(["one.keys", "one.pins"]);
    for (const name of ["one.keys", "one.pins"]) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
    expect(await store.read("one.keys")).toBe("secret");
    expect(await store.read("one.pins")).toBe("line\nline\n");
    expect(await store.read("other")).toBeUndefined();
  });
});
