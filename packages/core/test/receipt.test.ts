import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asksForReceipts, RECEIPT, receiptDigest } from "../src/internal/index.ts";
import { readReceiptBody } from "../src/internal/eager.ts";

const MESSAGE = { id: "m1", type: "https://shop.example/orders/1.0/create", from: "did:example:alice" };

describe("a message", () => {
  it.each([[[""]], [["m1"]], [["m0", ""]], [[1, "m1"]]])("asks for receipts with please_ack %j", (asked) => {
    expect(asksForReceipts({ ...MESSAGE, headers: { please_ack: asked } })).toBe(true);
  });

  it.each([[[]], [["m0"]], [""], ["m1"], [null], [{}], [[[""]]], [[null]]])("does not ask for receipts with please_ack %j", (asked) => {
    expect(asksForReceipts({ ...MESSAGE, headers: { please_ack: asked } })).toBe(false);
  });

  it("does not ask for receipts without the header, without a sender, and as a receipt", () => {
    const { from: _, ...anonymous } = MESSAGE;
    const headers = { please_ack: [""] };
    expect(asksForReceipts(MESSAGE)).toBe(false);
    expect(asksForReceipts({ ...MESSAGE, headers: { ack: ["m1"] } })).toBe(false);
    expect(asksForReceipts({ ...anonymous, headers })).toBe(false);
    expect(asksForReceipts({ ...MESSAGE, type: RECEIPT, headers })).toBe(false);
  });
});

describe("the body of a receipt", () => {
  it.each(["queued", "delivered", "handled", "failed"])("is read with the state %s", (state) => {
    expect(readReceiptBody({ message_id: "m1", state })).toEqual({ messageId: "m1", state });
    expect(readReceiptBody({ message_id: "m1", state, code: "e.p" })).toEqual({ messageId: "m1", state, code: "e.p" });
    const digest = receiptDigest("{}");
    expect(readReceiptBody({ message_id: "m1", state, digest })).toEqual({ messageId: "m1", state, digest });
  });

  it.each([
    [{}],
    [{ message_id: "m1" }],
    [{ message_id: 1, state: "queued" }],
    [{ message_id: "m1", state: "read" }],
    [{ message_id: "m1", state: "constructor" }],
    [{ message_id: "m1", state: ["queued"] }],
    [{ message_id: "m1", state: "failed", code: 1 }],
    [{ message_id: "m1", state: "failed", code: "x".repeat(257) }],
    [{ message_id: "x".repeat(2049), state: "queued" }],
    [{ message_id: "m1", state: "queued", digest: 1 }],
    [{ message_id: "m1", state: "queued", digest: "abc" }],
  ])("is malformed: %j", (body) => {
    expect(readReceiptBody(body)).toBeUndefined();
  });

  it("is read or malformed, whatever a peer sends", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("message_id", "state", "code", "x"), fc.jsonValue()), (body) => {
        const read = readReceiptBody(body);
        return read === undefined || (read.messageId === body["message_id"] && read.state === body["state"]);
      }),
    );
  });
});

describe("the digest in a receipt", () => {
  it("is SHA-256 of the text, in UTF-8 and base64url", () => {
    // echo -n '{"id":"€"}' | openssl dgst -sha256 -binary | basenc --base64url
    expect(receiptDigest('{"id":"€"}')).toBe("HclcIu1GSYVZ5gtuZIuTUdjJ2btjzHPgy6PoIwplTqs");
    expect(receiptDigest('{"id": "€"}')).not.toBe(receiptDigest('{"id":"€"}'));
  });

  it("is that of the message without what its agent adds to encrypt it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), ({ typ: _, sealed_time: __, ...message }, time) => {
        const sealed = { typ: "application/didcomm-plain+json", ...message, sealed_time: time };
        expect(receiptDigest(JSON.stringify(sealed))).toBe(receiptDigest(JSON.stringify(message)));
      }),
    );
    const named = '{"body": {"sealed_time": 1, "sealed_time":2}}';
    expect(receiptDigest(named)).not.toBe(receiptDigest('{"body":{"sealed_time":2}}'));
  });
});
