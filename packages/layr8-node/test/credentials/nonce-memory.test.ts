import { describe, expect, it } from "vitest";
import { NonceMemory } from "../../src/credentials/nonce-memory.ts";

const VERIFIER = "did:web:verifier.example";
const HOLDER = "did:web:holder.example";
const WINDOW = 600_000;
/** How far a signer's clock may be ahead. */
const AHEAD = 60_000;

function memory(maxEntries = 100): { nonces: NonceMemory; wait(ms: number): void; now(): number } {
  let now = 1_800_000_000_000;
  const nonces = new NonceMemory({ windowMs: WINDOW, maxEntries, now: () => now });
  return { nonces, now: () => now, wait: (ms) => void (now += ms) };
}

describe("NonceMemory", () => {
  it("accepts each nonce once per verifier and holder", async () => {
    const { nonces } = memory();
    await nonces.use("key", VERIFIER, HOLDER, "n", undefined);
    await nonces.use("key", HOLDER, HOLDER, "n", undefined);
    await nonces.use("key", VERIFIER, VERIFIER, "n", undefined);
    await nonces.use("key", VERIFIER, HOLDER, "m", undefined);
    await expect(nonces.use("key", VERIFIER, HOLDER, "n", undefined)).rejects.toThrow(
      expect.objectContaining({ code: "nonce_replayed" }) as Error,
    );
  });

  it("distinguishes nonces whose concatenated parts are equal", async () => {
    const { nonces } = memory();
    await nonces.use("key", "a", "b", 'c","d', undefined);
    await expect(nonces.use("key", "a", 'b","c', "d", undefined)).resolves.toBeUndefined();
    await expect(nonces.use("key", 'a","b', "c", "d", undefined)).resolves.toBeUndefined();
  });

  it("remembers a nonce as long as its presentation is accepted, regardless of the signer's clock", async () => {
    const { nonces, wait, now } = memory();
    const signedAt = now() + AHEAD;
    await nonces.use("key", VERIFIER, HOLDER, "n", signedAt);
    for (let i = 0; i < 11; i += 1) {
      await expect(nonces.use("key", VERIFIER, HOLDER, "n", signedAt)).rejects.toThrow(
        expect.objectContaining({ code: "nonce_replayed" }) as Error,
      );
      wait(AHEAD);
    }
    wait(1);
    await expect(nonces.use("key", VERIFIER, HOLDER, "n", signedAt)).rejects.toThrow(
      expect.objectContaining({ code: "presentation_not_recent" }) as Error,
    );
  });

  it.each([
    ["too old", -WINDOW - 1],
    ["of the future", AHEAD + 1],
    ["of no time", Number.NaN],
  ])("takes none of a presentation that is %s", async (_, offset) => {
    const { nonces, now } = memory();
    await expect(nonces.use("key", VERIFIER, HOLDER, "n", now() + offset)).rejects.toThrow(
      expect.objectContaining({ code: "presentation_not_recent", retryable: false }) as Error,
    );
    await nonces.use("key", VERIFIER, HOLDER, "n", now());
  });

  it("reserves room for other keys when one has used its share", async () => {
    const { nonces } = memory(40);
    for (let n = 0; n < 10; n += 1) await nonces.use("greedy", VERIFIER, HOLDER, `g${n}`, undefined);
    await expect(nonces.use("greedy", VERIFIER, HOLDER, "more", undefined)).rejects.toThrow(
      expect.objectContaining({ code: "busy" }) as Error,
    );
    for (let n = 0; n < 10; n += 1) await nonces.use("other", VERIFIER, HOLDER, `o${n}`, undefined);
  });

  it("names the distance between the clocks", async () => {
    const { nonces, now } = memory();
    await expect(nonces.use("key", VERIFIER, HOLDER, "n", now() + 7_200_000)).rejects.toThrow(/signed 7200 s ahead of this node's clock/);
    await expect(nonces.use("key", VERIFIER, HOLDER, "n", now() - 7_200_000)).rejects.toThrow(
      /7200 s before this node's clock, and .* for 600 s/,
    );
  });

  it("rejects nonces while it is full", async () => {
    const { nonces, wait } = memory(2);
    await nonces.use("other", VERIFIER, HOLDER, "1", undefined);
    wait(1000);
    await nonces.use("key", VERIFIER, HOLDER, "2", undefined);
    await expect(nonces.use("key", VERIFIER, HOLDER, "3", undefined)).rejects.toThrow(
      expect.objectContaining({ code: "busy", retryable: true }) as Error,
    );
    wait(WINDOW + AHEAD - 1000);
    await nonces.use("other", VERIFIER, HOLDER, "3", undefined);
    await expect(nonces.use("key", VERIFIER, HOLDER, "2", undefined)).rejects.toThrow(
      expect.objectContaining({ code: "nonce_replayed" }) as Error,
    );
  });
});
