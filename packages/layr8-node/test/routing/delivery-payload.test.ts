import { describe, expect, it } from "vitest";
import { encodeFrame } from "../../src/phoenix/serializer.ts";
import { deliveryPayload, oversize } from "../../src/routing/delivery-payload.ts";

const LIMIT = 10_000;
const deliverable = (plaintext: string, more: { recipient?: string; senderCredentials?: string } = {}) => ({
  recipient: "did:web:localhost:bob",
  authorized: true,
  plaintext,
  senderCredentials: undefined,
  ...more,
});

describe("oversize", () => {
  it.each([
    ["ASCII", (length: number) => deliverable("x".repeat(length))],
    ["characters of three bytes", (length: number) => deliverable("語".repeat(length))],
    ["characters of four bytes", (length: number) => deliverable("😀".repeat(length))],
    ["credentials", (length: number) => deliverable("{}", { senderCredentials: `["${"語".repeat(length)}"]` })],
    ["a long DID", (length: number) => deliverable("{}", { recipient: `did:web:${"x".repeat(length)}` })],
  ])("lets no frame beyond the limit pass: %s", (_name, make) => {
    let passed = 0;
    for (let length = 1; length < LIMIT; length += 37) {
      const message = make(length);
      if (oversize(message, LIMIT) !== undefined) continue;
      passed = length;
      const topic = `plugins:${message.recipient}`;
      const frame = encodeFrame(`"${"語".repeat(254)}"`, "null", topic, "message", deliveryPayload(message, 1_000_000));
      expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(LIMIT);
    }
    expect(passed).toBeGreaterThan(1000);
  });

  it("returns the size of the frame", () => {
    expect(oversize(deliverable("x".repeat(2 * LIMIT)), LIMIT)).toBeGreaterThan(2 * LIMIT);
  });
});
