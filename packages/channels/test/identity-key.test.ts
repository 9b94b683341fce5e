import { memoryStore } from "@parley/mls-engine";
import { expect, it } from "vitest";
import { loadIdentityKey } from "../src/identity-key.ts";

it("the private key of an agent is erased with its client, and signs nothing after that", async () => {
  await using store = memoryStore();
  const key = await loadIdentityKey(store);
  const { privateKey } = key.pair;
  expect(key.sign(new Uint8Array([1]))).toHaveLength(64);
  expect(privateKey.some((byte) => byte !== 0)).toBe(true);
  // No slab of Node's, which others get.
  expect(privateKey.buffer.byteLength).toBe(privateKey.length);
  key.erase();
  expect(privateKey.every((byte) => byte === 0)).toBe(true);
  expect(() => key.sign(new Uint8Array([1]))).toThrow(expect.objectContaining({ code: "closed" }));
});

it("a store that has lost the key of its agent is rejected as damaged", async () => {
  await using store = memoryStore();
  const engine = await store.open("engine");
  await engine.write([{ key: "identity", value: new Uint8Array([1]) }], "durable");
  await engine.close();
  await expect(loadIdentityKey(store)).rejects.toMatchObject({ name: "StoreError", code: "damaged" });
});
