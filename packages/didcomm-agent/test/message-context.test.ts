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
    [
      { sender_credentials: [{ credential_subject: { id: "did:example:a" }, claims: { id: "did:example:a", name: 7 } }] },
      { senderCredentials: [{ credentialSubject: { id: "did:example:a", name: 7 } }] },
    ],
    [
      {
        sender_credentials: [
          {
            credential_subject: { id: "did:example:a" },
            issuer: "did:example:i",
            type: ["A", 7],
            id: "urn:a",
            valid_from: "f",
            valid_until: "u",
          },
          { credential_subject: {}, issuer: 7, type: "A", id: null, valid_from: 1, valid_until: {} },
        ],
      },
      {
        senderCredentials: [
          {
            credentialSubject: { id: "did:example:a" },
            issuer: "did:example:i",
            type: ["A"],
            id: "urn:a",
            validFrom: "f",
            validUntil: "u",
          },
          { credentialSubject: {} },
        ],
      },
    ],
  ])("keeps what is well formed: %j", (value, expected) => {
    expect(readContext(value)).toEqual(expected);
  });

  it("holds a bounded number of credentials", () => {
    const value = { sender_credentials: Array.from({ length: 1000 }, () => ({ credential_subject: {} })) };
    expect(readContext(value)?.senderCredentials).toHaveLength(64);
  });
});
