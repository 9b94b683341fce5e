import { describe, expect, it } from "vitest";
import { didWebOf } from "../../src/identity/did-web-path.ts";

describe("didWebOf", () => {
  it.each([
    ["host.example", "/.well-known/did.json", "did:web:host.example"],
    ["Host.Example:8443", "/.well-known/did.json", "did:web:host.example%3A8443"],
    ["host.example", "/a/b/did.json", "did:web:host.example:a:b"],
    ["localhost:4000", "/ephemeral/0f/did.json", "did:web:localhost%3A4000:ephemeral:0f"],
    ["host.example", "/a%20b/did.json", "did:web:host.example:a%20b"],
    ["host.example", "/a:b/did.json", "did:web:host.example:a%3Ab"],
    ["host.example", "/%7Eme/did.json", "did:web:host.example:%7Eme"],
    ["host.example", "/~me/did.json", "did:web:host.example:%7Eme"],
  ])("maps %s %s", (host, path, did) => {
    expect(didWebOf(host, path)).toBe(did);
  });

  it.each([
    ["host.example", "/did.json"],
    ["host.example", "did.json"],
    ["host.example", "/a/did.jsonx"],
    ["host.example", "/a"],
    ["host.example", "//did.json"],
    ["host.example", "/a//did.json"],
    ["host.example", "/./did.json"],
    ["host.example", "/../did.json"],
    ["host.example", "/%2e%2E/did.json"],
    ["host.example", "/a%2Fb/did.json"],
    ["host.example", "/a%5Cb/did.json"],
    ["host.example", "/a%25/did.json"],
    ["host.example", "/a%00/did.json"],
    ["host.example", "/a%/did.json"],
    ["host.example", "/%ff/did.json"],
    ["host.example", `/${"a".repeat(3000)}/did.json`],
    ["", "/a/did.json"],
    ["host.example/x", "/a/did.json"],
    ["user@host.example", "/a/did.json"],
    ["host.example:", "/a/did.json"],
    ["host.example:http", "/a/did.json"],
    ["host_example", "/a/did.json"],
    ["[::1]:4000", "/a/did.json"],
  ])("maps %j %j to nothing", (host, path) => {
    expect(didWebOf(host, path)).toBeUndefined();
  });
});
