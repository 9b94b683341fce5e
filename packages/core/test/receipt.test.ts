import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asksForReceipts, RECEIPT, receiptText } from "../src/internal/index.ts";
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
    const digest = "A".repeat(43);
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

describe("the text that the receipts of a message are about", () => {
  it("is its plaintext, without what its agent adds to encrypt it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), (members, time) => {
        const { typ: _typ, sealed_time: _time, ...message } = members;
        const sealed = { typ: "application/didcomm-plain+json", ...message, sealed_time: time };
        expect(receiptText(JSON.stringify(sealed))).toBe(JSON.stringify(message));
        expect(receiptText(JSON.stringify(message))).toBe(JSON.stringify(message));
      }),
    );
  });

  it.each(['{"id": "1",\n"body":{}}', '{"body":{"sealed_time":1, "a":2}}'])("is unchanged otherwise: %s", (text) => {
    expect(receiptText(text)).toBe(text);
  });
});
