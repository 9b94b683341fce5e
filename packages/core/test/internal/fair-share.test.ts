import { describe, expect, it } from "vitest";
import { FairShare } from "../../src/internal/index.ts";

describe("FairShare", () => {
  it("caps what one owner holds and what all hold", () => {
    const share = new FairShare({ total: 10, perOwner: 4, reserved: 2 });
    expect(share.tryAcquire("a", 3)).toBeDefined();
    expect(share.tryAcquire("a", 2)).toBeUndefined();
    expect(share.tryAcquire("a", 1)).toBeDefined();
    expect(share.tryAcquire("b", 4)).toBeDefined();
    expect(share.used).toBe(8);
    expect(share.heldBy("a")).toBe(4);
  });

  it("keeps the reserved part for owners that hold nothing", () => {
    const share = new FairShare({ total: 10, perOwner: 10, reserved: 2 });
    for (let count = 0; count < 8; count++) expect(share.tryAcquire("greedy")).toBeDefined();
    expect(share.tryAcquire("greedy")).toBeUndefined();
    expect(share.tryAcquire("first")).toBeDefined();
    expect(share.tryAcquire("first")).toBeUndefined();
    expect(share.tryAcquire("second")).toBeDefined();
    expect(share.tryAcquire("third")).toBeUndefined();
  });

  it("grants an owner that holds nothing one lease of any size that fits the total", () => {
    const share = new FairShare({ total: 10, perOwner: 1 });
    const lease = share.tryAcquire("a", 9);
    expect(lease).toBeDefined();
    expect(share.tryAcquire("a", 1)).toBeUndefined();
    expect(share.tryAcquire("b", 2)).toBeUndefined();
    expect(share.tryAcquire("b", 1)).toBeDefined();
  });

  it("grows a lease within the owner's cap, and gives everything back once", () => {
    const share = new FairShare({ total: 100, perOwner: 10, reserved: 0 });
    const lease = share.tryAcquire("a", 4);
    expect(lease?.tryGrow(6)).toBe(true);
    expect(lease?.tryGrow(1)).toBe(false);
    const other = share.tryAcquire("b", 5);
    lease?.release();
    lease?.release();
    expect(share.used).toBe(5);
    expect(share.heldBy("a")).toBe(0);
    expect(lease?.tryGrow(1)).toBe(false);
    other?.release();
    expect(share.used).toBe(0);
  });
});
