import { describe, expect, it } from "vitest";
import type { MessageToStore } from "../../src/inbox/inbox.ts";
import { decodeMessage, encodeMessage, readIntactHeader } from "../../src/inbox/message-record.ts";

const MESSAGE: MessageToStore = {
  recipient: "did:web:localhost:bob",
  id: "1",
  from: "did:web:localhost:alice",
  type: "https://layr8.io/protocols/echo/1.0/request",
  plaintext: "{}",
  authorized: true,
  expiresAt: 1,
};

describe("a stored message", () => {
  it.each<[string, Partial<MessageToStore>]>([
    ["without credentials that asks for receipts", { asksForReceipts: true }],
    ["with credentials that asks for receipts", { asksForReceipts: true, senderCredentials: '[{"a":1}]' }],
    ["with credentials", { senderCredentials: '[{"a":1}]' }],
    ["without either", {}],
  ])("%s keeps its members", (_, more) => {
    const message = { ...MESSAGE, ...more };
    const record = encodeMessage(message);
    expect(decodeMessage(message.recipient, record)).toEqual(message);
    expect(readIntactHeader(record)?.asksForReceipts).toBe(more.asksForReceipts);
  });
});
