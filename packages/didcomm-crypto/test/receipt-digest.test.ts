import { expect, it } from "vitest";
import { receiptDigest } from "../src/index.ts";

it("the digest in a receipt is SHA-256 of the plaintext, in UTF-8 and base64url", () => {
  // printf '{"id":"€"}' | openssl dgst -sha256 -binary | basenc --base64url
  const digest = "HclcIu1GSYVZ5gtuZIuTUdjJ2btjzHPgy6PoIwplTqs";
  expect(receiptDigest('{"id":"€"}')).toBe(digest);
  expect(receiptDigest('{"id": "€"}')).not.toBe(digest);
  expect(receiptDigest('{"typ":"application/didcomm-plain+json","id":"€","sealed_time":1796101200.5}')).toBe(digest);
});
