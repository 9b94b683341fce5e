import { describe, expect, it } from "vitest";
import { PerPartyQuota } from "../../src/runtime/per-party-quota.ts";

const create = (): PerPartyQuota => new PerPartyQuota({ count: 4, bytes: 100 }, { count: 2, bytes: 50 });

describe("PerPartyQuota", () => {
  it("limits the bytes of each party and in total", () => {
    const quota = create();
    const release = quota.tryAcquire("alice", 40);
    expect(quota.tryAcquire("alice", 20)).toBeUndefined();
    expect(quota.tryAcquire("bob", 60)).toBeDefined();
    expect(quota.hasCapacity("carol", 1)).toBe(false);
    release?.();
    expect(quota.hasCapacity("carol", 40)).toBe(true);
  });

  it("accepts a message of any size while no other is held", () => {
    const quota = create();
    const release = quota.tryAcquire("alice", 1000);
    expect(release).toBeDefined();
    expect(quota.hasCapacity("bob", 1)).toBe(false);
    release?.();
    expect(quota.hasCapacity("bob", 1000)).toBe(true);
  });

  it("limits unknown parties in total only", () => {
    const quota = create();
    for (let index = 0; index < 4; index++) expect(quota.tryAcquire(undefined, 0)).toBeDefined();
    expect(quota.isPartyFull(undefined)).toBe(false);
    expect(quota.tryAcquire(undefined, 0)).toBeUndefined();
  });

  it("releases the capacity once, and takes none if the bytes don't fit", () => {
    const quota = create();
    const release = quota.tryAcquire("alice", 50);
    expect(quota.tryAcquire("alice", 1)).toBeUndefined();
    expect(quota.isPartyFull("alice")).toBe(false);
    release?.();
    release?.();
    for (let index = 0; index < 2; index++) expect(quota.tryAcquire("alice", 10)).toBeDefined();
    expect(quota.isPartyFull("alice")).toBe(true);
  });
});
