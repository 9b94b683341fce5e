import { thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { didWebUrl } from "../src/index.ts";
import { expectDidError, unlessDidError } from "./expect-error.ts";

describe("didWebUrl", () => {
  it.each([
    ["did:web:example.com", "https://example.com/.well-known/did.json"],
    ["did:web:w3c-ccg.github.io", "https://w3c-ccg.github.io/.well-known/did.json"],
    ["did:web:w3c-ccg.github.io:user:alice", "https://w3c-ccg.github.io/user/alice/did.json"],
    ["did:web:example.com%3A3000:user:alice", "https://example.com:3000/user/alice/did.json"],
    ["did:web:example.com%3a3000", "https://example.com:3000/.well-known/did.json"],
    ["did:web:example.com%3A443", "https://example.com/.well-known/did.json"],
    ["did:web:EXAMPLE.com:User", "https://example.com/User/did.json"],
    ["did:web:xn--mnchen-3ya.de", "https://xn--mnchen-3ya.de/.well-known/did.json"],
    ["did:web:xn--fa-hia.de", "https://xn--fa-hia.de/.well-known/did.json"],
    ["did:web:xn--fiqs8s", "https://xn--fiqs8s/.well-known/did.json"],
    ["did:web:xn--wgbh1c", "https://xn--wgbh1c/.well-known/did.json"],
    ["did:web:xn--mgba3a4f16a", "https://xn--mgba3a4f16a/.well-known/did.json"],
    ["did:web:xn--11b4c3d.xn--h2brj9c", "https://xn--11b4c3d.xn--h2brj9c/.well-known/did.json"],
    ["did:web:xn--n3h.example", "https://xn--n3h.example/.well-known/did.json"],
    ["did:web:xn--11b2ezcw70k.example", "https://xn--11b2ezcw70k.example/.well-known/did.json"],
    ["did:web:xn--ls8h.la", "https://xn--ls8h.la/.well-known/did.json"],
    ["did:web:XN--MNCHEN-3YA.de", "https://xn--mnchen-3ya.de/.well-known/did.json"],
    ["did:web:ab--cd.example", "https://ab--cd.example/.well-known/did.json"],
    ["did:web:localhost", "https://localhost/.well-known/did.json"],
    ["did:web:alice-test.localhost:agent", "https://alice-test.localhost/agent/did.json"],
    ["did:web:example.com:a.b_c-d", "https://example.com/a.b_c-d/did.json"],
    ["did:web:example.com:...", "https://example.com/.../did.json"],
    ["did:web:example.com:%C3%A9", "https://example.com/%C3%A9/did.json"],
    ["did:web:example.com:a%3Fb%23c%40d", "https://example.com/a%3Fb%23c%40d/did.json"],
    ["did:web:1.example.com", "https://1.example.com/.well-known/did.json"],
  ])("maps %s", (did, url) => {
    expect(didWebUrl(did).href).toBe(url);
  });

  it.each([
    ["did:web:localhost%3A4000:a", "http://localhost:4000/a/did.json"],
    ["did:web:alice.localhost", "http://alice.localhost/.well-known/did.json"],
    ["did:web:localhost.example.com", "https://localhost.example.com/.well-known/did.json"],
    ["did:web:notlocalhost", "https://notlocalhost/.well-known/did.json"],
  ])("uses http for loopback names with httpForLoopback: %s", (did, url) => {
    expect(didWebUrl(did, { httpForLoopback: true }).href).toBe(url);
  });

  it.each([
    "did:web:",
    "did:key:example.com",
    "did:web:127.0.0.1",
    "did:web:127.1",
    "did:web:2130706433",
    "did:web:0x7f000001",
    "did:web:0x7f.1",
    "did:web:example.0x",
    "did:web:017700000001",
    "did:web:1.2.3.4%3A80",
    "did:web:%5B%3A%3A1%5D",
    "did:web:example.com.",
    "did:web:.example.com",
    "did:web:a..b",
    "did:web:-a.example",
    "did:web:a-.example",
    "did:web:a_b.example",
    `did:web:${"a".repeat(64)}.example`,
    `did:web:${"a.".repeat(126)}example`,
    "did:web:exa%6Dple.com",
    "did:web:example.com%2Fpath",
    "did:web:user%40example.com",
    "did:web:example.com%3A0",
    "did:web:example.com%3A080",
    "did:web:example.com%3A65536",
    "did:web:example.com%3A99999999999",
    "did:web:example.com%3A",
    "did:web:example.com%3A80%3A80",
    "did:web:example.com:",
    "did:web:example.com::a",
    "did:web:example.com:..",
    "did:web:example.com:.",
    "did:web:example.com:%2e%2e",
    "did:web:example.com:a%2Fb",
    "did:web:example.com:a%5Cb",
    "did:web:example.com:%252e",
    "did:web:example.com:%00",
    "did:web:example.com:%0d%0aHost",
    "did:web:example.com:%ff",
    "did:web:example.com:%zz",
    "did:web:example.com/a",
    "did:web:example.com?a",
    "did:web:example.com#a",
    "did:web:xn--a.example\u0000",
    "did:web:xn--0.example",
    `did:web:example.com:${"a".repeat(2048)}`,
  ])("rejects %j", (did) => {
    expectDidError(
      thrownBy(() => didWebUrl(did)),
      "did_invalid",
    );
  });

  // The tests of this table hold on every runtime: some URL parsers take such labels as they are.
  it.each([
    ["invalid digits", "xn--0"],
    ["an incomplete number", "xn--ls8h0"],
    ["a number that is too large", "xn--99999999"],
    ["nothing that is not ASCII", "xn--abc"],
    ["a delimiter before nothing", "xn---1od"],
    ["a delimiter before nothing, after another label", "xn--bz7d.xn---e1h0a"],
    ["a wide letter", "xn--ph7c"],
    ["wide digits", "xn--7g7cc"],
    ["a capital letter", "xn--wca"],
    ["a ligature", "xn--jm6c"],
    ["a decomposed letter", "xn--u-ccb"],
    ["a combining mark at its beginning", "xn--a-wbb"],
    ["a soft hyphen", "xn--ab-5da"],
    ["a joiner that joins nothing", "xn--ab-m1t"],
    ["left-to-right after right-to-left", "xn--a-zhc"],
    ["a wide full stop", "xn--ab-r13a"],
    ["a dot leader", "xn--ab-l3t"],
    ["a wide slash", "xn--ab-1u3n"],
    ["a replacement character", "xn--zn7c"],
    ["a tag character", "xn--1426e"],
  ])("rejects a label with %s", (_, label) => {
    for (const did of [`did:web:${label}.example`, `did:web:a.${label}`, `did:web:${label.toUpperCase()}.example:path`]) {
      expectDidError(
        thrownBy(() => didWebUrl(did)),
        "did_invalid",
      );
    }
  });

  it("returns an https URL with the DID's host, or throws a DidError", () => {
    const piece = fc.oneof(fc.constantFrom("..", "%2f", "%25", "%3A", ":", "/", "\\", "@", "127.0.0.1", "0x1", "a.b"), fc.string());
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const url = unlessDidError(() => didWebUrl(`did:web:${pieces.join("")}`)) ?? new URL("https://a/did.json");
        expect(url.protocol).toBe("https:");
        expect(url.pathname.endsWith("/did.json")).toBe(true);
        expect(url.username + url.password + url.search + url.hash).toBe("");
      }),
    );
  });
});
