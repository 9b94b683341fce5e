import { expect, it } from "vitest";
import { TokenBucket } from "../../src/relay/token-bucket.ts";

it("a bucket lets one second's worth through, then says how long to wait", () => {
  let now = 0;
  const bucket = new TokenBucket(100, () => now);
  expect(bucket.take(60)).toBe(0);
  expect(bucket.take(40)).toBe(0);
  expect(bucket.take(50)).toBe(500);
  expect(bucket.tryTake()).toBe(false);
  now = 500;
  expect(bucket.take(0)).toBe(0);
  now = 510;
  expect(bucket.tryTake()).toBe(true);
  expect(bucket.tryTake()).toBe(false);
  expect(bucket.full).toBe(false);
  now = 60_000;
  expect(bucket.full).toBe(true);
  expect(bucket.take(101)).toBe(10);
});
