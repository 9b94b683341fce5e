import { describe, expect, it } from "vitest";
import { encodeFrame } from "../../src/phoenix/serializer.ts";
import { checkFrameSize, deliveryPayload } from "../../src/phoenix/delivery-payload.ts";

const LIMIT = 10_000;
const deliverable = (plaintext: string, more: { recipient?: string; senderCredentials?: string } = {}) => ({
  recipient: "did:web:localhost:bob",
  authorized: true,
  plaintext,
  senderCredentials: undefined,
  ...more,
});

describe("checkFrameSize", () => {
  it.each([
    ["ASCII", (length: number) => deliverable("x".repeat(length))],
    ["characters of three bytes", (length: number) => deliverable("語".repeat(length))],
    ["characters of four bytes", (length: number) => deliverable("😀".repeat(length))],
    ["credentials", (length: number) => deliverable("{}", { senderCredentials: `["${"語".repeat(length)}"]` })],
    ["a long DID", (length: number) => deliverable("{}", { recipient: `did:web:${"x".repeat(length)}` })],
  ])("rejects every message whose frame would exceed the limit: %s", (_name, make) => {
    let passed = 0;
    for (let length = 1; length < LIMIT; length += 37) {
      const message = make(length);
      if (!checkFrameSize(message, LIMIT).ok) continue;
      passed = length;
      const topic = `plugins:${message.recipient}`;
      const frame = encodeFrame(`"${"語".repeat(254)}"`, "null", topic, "message", deliveryPayload(message, 1_000_000));
      expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(LIMIT);
    }
    expect(passed).toBeGreaterThan(1000);
  });

  it("names the size of the frame in the rejection", () => {
    const checked = checkFrameSize(deliverable("x".repeat(2 * LIMIT)), LIMIT);
    const [, size] = /a frame of (\d+) bytes; the limit is 10000$/.exec(checked.ok ? "" : checked.rejection.reason) ?? [];
    expect(Number(size)).toBeGreaterThan(2 * LIMIT);
  });
});
