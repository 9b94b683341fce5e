import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel } from "../src/index.ts";
import { safetyNumberOf } from "../src/channel/safety-number.ts";
import { channelOf, Harness } from "./support/harness.ts";

describe("a safety number", () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await Harness.start();
  });

  afterEach(async () => {
    await harness[Symbol.asyncDispose]();
  });

  it("is the same for all members of an epoch, and differs in the next one", async () => {
    const [a, b] = (await channelOf(harness.client("alice"), harness.client("bob"))) as [Channel, Channel];
    const first = a.safetyNumber();
    expect(first).toMatch(/^\d{5}( \d{5}){11}$/);
    expect(b.safetyNumber()).toBe(first);
    await a.rotateKey();
    await expect.poll(() => b.epoch).toBe(a.epoch);
    expect(b.safetyNumber()).toBe(a.safetyNumber());
    expect(a.safetyNumber()).not.toBe(first);
    await a.removeMember("bob");
    await expect.poll(() => b.isActive).toBe(false);
    expect(() => b.safetyNumber()).toThrow(expect.objectContaining({ code: "removed" }));
  });
});

it("the digits of a safety number are stable across versions", () => {
  expect(safetyNumberOf(new Uint8Array(32))).toBe(KNOWN);
});

/** SHA-512 of `skytale safety number v1`, a zero byte and 32 zero bytes, by five bytes modulo 100,000. */
const KNOWN = "74478 74372 09801 20449 19590 00011 32613 55910 15789 68485 84631 95541";
