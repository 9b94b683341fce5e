import { describe, expect, it } from "vitest";
import { hostnameOf, similarDid } from "../../src/identity/similar-did.ts";

const DIDS = [
  "did:web:localhost:echo",
  "did:web:localhost:bob",
  "did:web:acme.example:agents:billing",
  "did:web:acme.example",
  "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
];

describe("similarDid", () => {
  it.each([
    ["did:web:localhost:ecco", "did:web:localhost:echo"],
    ["did:web:localhost:ehco", "did:web:localhost:echo"],
    ["did:web:locahost:echo", "did:web:localhost:echo"],
    ["did:web:acme.example:agents:biling", "did:web:acme.example:agents:billing"],
    ["did:web:acme.example:agent:billing", "did:web:acme.example:agents:billing"],
    ["did:web:acme.exampel", "did:web:acme.example"],
    ["did:wbe:localhost:echo", "did:web:localhost:echo"],
    ["did:web:localhost:alice", undefined],
    ["did:web:other.example:echo", undefined],
    ["did:web:acme.example:agents", undefined],
    ["x".repeat(10_000), undefined],
    ["", undefined],
  ])("%s: %s", (did, meant) => {
    expect(similarDid(did, DIDS)).toBe(meant);
  });
});

describe("hostnameOf", () => {
  it.each([
    ["did:web:localhost%3A4000:echo", "localhost"],
    ["did:web:ACME.example", "acme.example"],
    ["did:key:z6Mk", undefined],
    ["x", undefined],
  ])("%s: %s", (did, host) => expect(hostnameOf(did)).toBe(host));
});
