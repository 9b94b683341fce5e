import { describe, expect, it } from "vitest";

import { readContext } from "../src/message-context.ts";

describe("a message's context", () => {
  it.each([undefined, null, 7, "text", []])("is absent when the node sends %j", (value) => {
    expect(readContext(value)).toBeUndefined();
  });

  it.each<[unknown, unknown]>([
    [{}, { senderCredentials: [] }],
    [{ recipient: "" }, { senderCredentials: [] }],
    [{ recipient: 7, authorized: "true", attempt: "1", sender_credentials: {} }, { senderCredentials: [] }],
    [{ authorized: 1, attempt: 0 }, { senderCredentials: [] }],
    [{ attempt: 1.5 }, { senderCredentials: [] }],
    [
      { authorized: false, attempt: 3 },
      { authorized: false, attempt: 3, senderCredentials: [] },
    ],
    [
      { sender_credentials: [7, null, {}, { credential_subject: "x" }, { credential_subject: { id: "did:example:a" } }] },
      { senderCredentials: [{ credentialSubject: { id: "did:example:a" } }] },
    ],
  ])("keeps what is well formed: %j", (value, expected) => {
    expect(readContext(value)).toEqual(expected);
  });

  it("holds a bounded number of credentials", () => {
    const value = { sender_credentials: Array.from({ length: 1000 }, () => ({ credential_subject: {} })) };
    expect(readContext(value)?.senderCredentials).toHaveLength(64);
  });
});
