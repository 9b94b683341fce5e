import { describe, expect, it } from "vitest";
import { SigningKeys } from "../../src/api/signing-keys.ts";
import { localKeys, TokenIssuer, TokenVerifier } from "../../src/api/tokens.ts";
import { MemoryEnvironment, SealingKey } from "@parley/storage";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TOKEN_TTL = 15 * MINUTE;

function clock(): { now: () => number; pass: (ms: number) => void } {
  let time = 1_750_000_000_000;
  return { now: () => time, pass: (ms) => void (time += ms) };
}

function open(now: () => number, registry = new StoredRegistry(new MemoryEnvironment())): Promise<SigningKeys> {
  return SigningKeys.open({ registry, ttlMs: 30 * DAY, tokenTtlMs: TOKEN_TTL, now });
}

const API_KEY = { id: "k".repeat(16), accountId: "account", name: "x", mode: "live", createdAt: 0 } as const;

describe("signing keys", () => {
  it("are kept, and shown by their public half only", async () => {
    const { now } = clock();
    const registry = new StoredRegistry(new MemoryEnvironment());
    const first = await open(now, registry);
    const { kid } = first.signer();
    expect(first.keySet()).toEqual({ keys: [{ kty: "OKP", crv: "Ed25519", x: expect.any(String), kid, alg: "EdDSA", use: "sig" }] });
    expect((await open(now, registry)).keySet()).toEqual(first.keySet());
  });

  it("are followed by new ones; no token is refused on the way", async () => {
    const { now, pass } = clock();
    const keys = await open(now);
    const issuer = new TokenIssuer(keys, { ttlMs: TOKEN_TTL, now });
    const verifier = new TokenVerifier(localKeys(keys), { audience: "skytale-relay", now });
    const seen = new Set<string>();
    const living: { token: string; until: number }[] = [];
    for (let step = 0; step < 65 * 24; step++) {
      pass(60 * MINUTE - (step % 2 === 0 ? 55 * MINUTE : 0));
      await keys.maintain();
      expect(keys.keySet().keys.length).toBeLessThanOrEqual(2);
      seen.add(keys.signer().kid);
      const { token, expiresAt } = await issuer.issue(API_KEY, { plan: "free" });
      living.push({ token, until: expiresAt });
      while (living[0] !== undefined && living[0].until <= now()) living.shift();
      for (const { token: issued } of living) expect(await verifier.verify(issued)).toMatchObject({ accountId: "account" });
    }
    expect(seen.size).toBeGreaterThanOrEqual(2);
  });

  it("sign tokens that are never valid for longer than they were issued for, also after the clock was set back", async () => {
    const { now, pass } = clock();
    const keys = await open(now);
    const { token } = await new TokenIssuer(keys, { ttlMs: TOKEN_TTL, now }).issue(API_KEY, { plan: "free" });
    const verifier = new TokenVerifier(localKeys(keys), { audience: "skytale-relay", now });
    pass(MINUTE);
    expect(await verifier.verify(token)).toMatchObject({ lifetimeMs: TOKEN_TTL - MINUTE });
    pass(-DAY);
    expect(await verifier.verify(token)).toMatchObject({ lifetimeMs: TOKEN_TTL });
  });

  it("are published before they sign, and kept until what they signed is void", async () => {
    const { now, pass } = clock();
    const keys = await open(now);
    const old = keys.signer().kid;
    pass(DAY);
    await keys.rotate();
    const published = (): (string | undefined)[] => keys.keySet().keys.map(({ kid }) => kid);
    expect(published()).toHaveLength(2);
    expect(keys.signer().kid).toBe(old);
    pass(5 * MINUTE);
    expect(keys.signer().kid).not.toBe(old);
    await keys.maintain();
    expect(published()).toContain(old);
    pass(TOKEN_TTL + 2 * MINUTE);
    await keys.maintain();
    expect(published()).toEqual([keys.signer().kid]);
  });

  it("made by another process wait while this one changes the sealing key, and are sealed with the new one", async () => {
    const { now, pass } = clock();
    const registry = new StoredRegistry(new MemoryEnvironment());
    const [former, next] = [SealingKey.random(), SealingKey.random()];
    const options = { registry, ttlMs: 30 * DAY, tokenTtlMs: TOKEN_TTL, now };
    const owner = await SigningKeys.open({ ...options, sealingKey: former });
    const other = await SigningKeys.open({ ...options, sealingKey: former });
    const release = await other.hold();
    pass(31 * DAY);
    let isMaintained = false;
    const maintained = other.maintain().then(() => (isMaintained = true));
    await owner.changeSealingKey(next);
    expect(isMaintained).toBe(false);
    await release(next);
    await maintained;
    expect(other.keySet().keys).toHaveLength(2);
    await expect(SigningKeys.open({ ...options, sealingKey: former })).rejects.toMatchObject({ code: "data_dir_unusable" });
    const again = await SigningKeys.open({ ...options, sealingKey: next });
    pass(10 * MINUTE);
    expect(again.signer().kid).toBe(other.signer().kid);
  });
});

describe("a token", () => {
  it("is rejected after its expiry", async () => {
    const { now, pass } = clock();
    const keys = await open(now);
    const verifier = new TokenVerifier(localKeys(keys), { audience: "skytale-relay", now });
    const { token } = await new TokenIssuer(keys, { ttlMs: TOKEN_TTL, now }).issue(API_KEY, { plan: "free" });
    pass(TOKEN_TTL - MINUTE);
    expect(await verifier.verify(token)).toMatchObject({ keyId: API_KEY.id });
    pass(2 * MINUTE);
    expect(await verifier.verify(token)).toBe("expired");
  });
});
