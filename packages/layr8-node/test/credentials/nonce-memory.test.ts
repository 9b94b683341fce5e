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
  it("accepts each nonce once per verifier and holder", () => {
    const { nonces } = memory();
    nonces.use("key", VERIFIER, HOLDER, "n", undefined);
    nonces.use("key", HOLDER, HOLDER, "n", undefined);
    nonces.use("key", VERIFIER, VERIFIER, "n", undefined);
    nonces.use("key", VERIFIER, HOLDER, "m", undefined);
    expect(() => nonces.use("key", VERIFIER, HOLDER, "n", undefined)).toThrow(expect.objectContaining({ code: "nonce_replayed" }) as Error);
  });

  it("distinguishes nonces whose concatenated parts are equal", () => {
    const { nonces } = memory();
    nonces.use("key", "a", "b", 'c","d', undefined);
    expect(() => nonces.use("key", "a", 'b","c', "d", undefined)).not.toThrow();
    expect(() => nonces.use("key", 'a","b', "c", "d", undefined)).not.toThrow();
  });

  it("remembers a nonce as long as its presentation is accepted, regardless of the signer's clock", () => {
    const { nonces, wait, now } = memory();
    const signedAt = now() + AHEAD;
    nonces.use("key", VERIFIER, HOLDER, "n", signedAt);
    for (let i = 0; i < 11; i += 1) {
      expect(() => nonces.use("key", VERIFIER, HOLDER, "n", signedAt)).toThrow(
        expect.objectContaining({ code: "nonce_replayed" }) as Error,
      );
      wait(AHEAD);
    }
    wait(1);
    expect(() => nonces.use("key", VERIFIER, HOLDER, "n", signedAt)).toThrow(
      expect.objectContaining({ code: "presentation_not_recent" }) as Error,
    );
  });

  it.each([
    ["too old", -WINDOW - 1],
    ["of the future", AHEAD + 1],
    ["of no time", Number.NaN],
  ])("takes none of a presentation that is %s", (_, offset) => {
    const { nonces, now } = memory();
    expect(() => nonces.use("key", VERIFIER, HOLDER, "n", now() + offset)).toThrow(
      expect.objectContaining({ code: "presentation_not_recent", retryable: false }) as Error,
    );
    nonces.use("key", VERIFIER, HOLDER, "n", now());
  });

  it("reserves room for other keys when one has used its share", () => {
    const { nonces } = memory(40);
    for (let n = 0; n < 10; n += 1) nonces.use("greedy", VERIFIER, HOLDER, `g${n}`, undefined);
    expect(() => nonces.use("greedy", VERIFIER, HOLDER, "more", undefined)).toThrow(expect.objectContaining({ code: "busy" }) as Error);
    for (let n = 0; n < 10; n += 1) nonces.use("other", VERIFIER, HOLDER, `o${n}`, undefined);
  });

  it("names the distance between the clocks", () => {
    const { nonces, now } = memory();
    expect(() => nonces.use("key", VERIFIER, HOLDER, "n", now() + 7_200_000)).toThrow(/signed 7200 s ahead of this node's clock/);
    expect(() => nonces.use("key", VERIFIER, HOLDER, "n", now() - 7_200_000)).toThrow(/7200 s before this node's clock, and .* for 600 s/);
  });

  it("rejects nonces while it is full", () => {
    const { nonces, wait } = memory(2);
    nonces.use("other", VERIFIER, HOLDER, "1", undefined);
    wait(1000);
    nonces.use("key", VERIFIER, HOLDER, "2", undefined);
    expect(() => nonces.use("key", VERIFIER, HOLDER, "3", undefined)).toThrow(
      expect.objectContaining({ code: "busy", retryable: true }) as Error,
    );
    wait(WINDOW + AHEAD - 1000);
    nonces.use("other", VERIFIER, HOLDER, "3", undefined);
    expect(() => nonces.use("key", VERIFIER, HOLDER, "2", undefined)).toThrow(expect.objectContaining({ code: "nonce_replayed" }) as Error);
  });
});
