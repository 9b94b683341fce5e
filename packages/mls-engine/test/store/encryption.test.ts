import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { CrashingFiles } from "./crashing-files.ts";
import { openOn, put, rowsOf } from "./open-files.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

async function storeWith(encryptionKey: Uint8Array | undefined): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  const store = await openOn(files, encryptionKey && { encryptionKey });
  const partition = await store.open("the partition's name");
  await partition.write([put("the row's key", "the secret value"), put("the tree's key", "the public value", true)], "durable");
  await partition.write([put("the row's key", "the second value")], "durable");
  await store.close();
  return files;
}

function everything(files: CrashingFiles): Buffer {
  return Buffer.concat(Array.from(files.contents(), ([name, bytes]) => Buffer.concat([Buffer.from(name), bytes])));
}

describe("An encrypted store", () => {
  it("leaves no name, key, value or encryption key readable on disk", async () => {
    const texts = ["the partition's name", "the row's key", "the secret value", "the tree's key", "the public value", "the second value"];
    const encrypted = everything(await storeWith(KEY));
    for (const text of [...texts, Buffer.from(KEY), "secret"]) expect(encrypted.includes(text)).toBe(false);
    // The same search finds them where nothing is encrypted.
    const plain = everything(await storeWith(undefined));
    for (const text of texts) expect(plain.includes(text)).toBe(true);
  });

  it("distinguishes a wrong, missing or unnecessary key from damage", async () => {
    const encrypted = await storeWith(KEY);
    for (const options of [{ encryptionKey: OTHER }, {}]) {
      await expect(openOn(encrypted, options)).rejects.toMatchObject({ code: "wrong_key", retryable: false });
    }
    await expect(openOn(await storeWith(undefined), { encryptionKey: KEY })).rejects.toMatchObject({ code: "wrong_key" });
    const store = await openOn(encrypted, { encryptionKey: KEY });
    expect(await store.partitions()).toEqual(["the partition's name"]);
    expect(rowsOf(await store.open("the partition's name"))).toMatchObject({ "the row's key": "the second value" });
  });

  it("requires a key of 32 bytes", async () => {
    for (const bad of [new Uint8Array(16), new Uint8Array(33), "x".repeat(32) as unknown as Uint8Array]) {
      await expect(openOn(new CrashingFiles(), { encryptionKey: bad })).rejects.toThrow(TypeError);
    }
  });

  it("rejects misspelt options", async () => {
    const files = new CrashingFiles();
    const misspelt: object = { encyptionKey: KEY };
    await expect(openOn(files, misspelt)).rejects.toThrow(
      new TypeError('Unknown option "encyptionKey". Did you mean "encryptionKey"? Valid options: encryptionKey, flushDelayMs'),
    );
    expect(files.contents().size).toBe(0);
  });

  it("does not use the caller's key array after opening", async () => {
    const files = new CrashingFiles();
    const encryptionKey = Uint8Array.from(KEY);
    const store = await openOn(files, { encryptionKey });
    encryptionKey.fill(0);
    await (await store.open("p")).write([put("k", "v")], "durable");
    await store.close();
    expect(rowsOf(await (await openOn(files, { encryptionKey: KEY })).open("p"))).toEqual({ k: "v" });
  });

  it("never writes the same ciphertext twice, even for the same rows", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files, { encryptionKey: KEY });
    const partition = await store.open("p");
    const frames = new Set<string>();
    let length = 0;
    for (let round = 0; round < 20; round += 1) {
      await partition.write([put("k", "the same value each time")], "durable");
      const log = Array.from(files.contents()).find(([name]) => name.endsWith(".log"))?.[1] ?? Buffer.alloc(0);
      frames.add(log.subarray(length).subarray(-30).toString("hex"));
      length = log.length;
    }
    expect(frames.size).toBe(20);
  });

  it("rejects an earlier version of the public rows", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files, { encryptionKey: KEY });
    const partition = await store.open("p");
    await partition.write([put("tree", "1", true)], "durable");
    const earlier = new Map(Array.from(files.contents()).filter(([name]) => name.endsWith(".rows")));
    await partition.write([put("tree", "2", true)], "durable");
    await store.close();
    const mixed = new CrashingFiles(new Map([...files.contents(), ...earlier]));
    await expect((await openOn(mixed, { encryptionKey: KEY })).open("p")).rejects.toMatchObject({ code: "damaged" });
  });

  it("exposes no keys in errors or when it is printed", async () => {
    const encrypted = await storeWith(KEY);
    const error: unknown = await openOn(encrypted, { encryptionKey: OTHER }).catch((thrown: unknown) => thrown);
    const store = await openOn(encrypted, { encryptionKey: KEY });
    const shown = inspect(error, { depth: 9 }) + inspect(store, { depth: 9, showHidden: true });
    for (const key of [KEY, OTHER]) {
      expect(shown).not.toContain(Buffer.from(key).toString("hex").slice(0, 16));
      expect(shown).not.toContain(Array.from(key.subarray(0, 8)).join(", "));
    }
  });
});
