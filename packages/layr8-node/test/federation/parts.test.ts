import { createMessage } from "@parley/core";
import { describe, expect, it } from "vitest";
import { BoundedMap } from "../../src/bounded-map.ts";
import { readForward } from "../../src/federation/inbound/forward.ts";
import { UnknownSenderLimiter, TooManyUnknownSenders } from "../../src/federation/inbound/unknown-sender-limiter.ts";
import { problemOf } from "../../src/federation/federation.ts";
import { RemoteDidCheck } from "../../src/federation/remote-did-check.ts";
import { hostOfDomain, hostsOfUrl, originOfDomain } from "../../src/identity/domain.ts";

describe("BoundedMap", () => {
  it("evicts the least recently used entry", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    expect(map.get("a")).toBe(1);
    map.set("c", 3);
    expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([1, undefined, 3, 2]);
    map.delete("a");
    expect(map.get("a")).toBeUndefined();
  });
});

describe("UnknownSenderLimiter", () => {
  const never = (): Promise<never> => new Promise(() => {});

  it("limits the resolutions per second of each address", async () => {
    let now = 0;
    const limiter = new UnknownSenderLimiter({ perSecond: 2, atOnce: 10, atOncePerAddress: 10, now: () => now });
    const resolve = (address: string) => limiter.resolve(address, () => Promise.resolve("document"));
    expect([await resolve("a"), await resolve("a")]).toEqual(["document", "document"]);
    await expect(resolve("a")).rejects.toBeInstanceOf(TooManyUnknownSenders);
    expect(await resolve("b")).toBe("document");
    now += 500;
    expect(await resolve("a")).toBe("document");
  });

  it("limits concurrent resolutions, in total and per address", async () => {
    const limiter = new UnknownSenderLimiter({ perSecond: 100, atOnce: 3, atOncePerAddress: 2, now: () => 0 });
    for (const address of ["a", "a"]) void limiter.resolve(address, never);
    await expect(limiter.resolve("a", never)).rejects.toBeInstanceOf(TooManyUnknownSenders);
    void limiter.resolve("b", never);
    await expect(limiter.resolve("c", never)).rejects.toBeInstanceOf(TooManyUnknownSenders);
  });

  it("releases the budget of failed resolutions", async () => {
    const limiter = new UnknownSenderLimiter({ perSecond: 100, atOnce: 1, atOncePerAddress: 1, now: () => 0 });
    await expect(limiter.resolve("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await limiter.resolve("a", () => Promise.resolve(1))).toBe(1);
  });

  it("knows authenticated senders", () => {
    const limiter = new UnknownSenderLimiter({ perSecond: 1, atOnce: 1, atOncePerAddress: 1, now: () => 0 });
    expect(limiter.isKnown("did:web:x")).toBe(false);
    limiter.add("did:web:x");
    expect(limiter.isKnown("did:web:x")).toBe(true);
  });
});

describe("RemoteDidCheck", () => {
  const network = { allow: [], httpForLoopback: false, hosts: { "Partner.localhost": "http://127.0.0.1:1" } };
  const remoteDidCheck = new RemoteDidCheck({ network, ownHosts: ["node.example", "localhost:4000"] });

  it.each(["did:web:partner.example:agent", "did:web:partner-node:agent", "did:web:partner.localhost:agent", "did:web:localhost.example"])(
    "%s may be on another node",
    (did) => {
      expect(remoteDidCheck.check(did, "did:web:node.example:a")).toEqual({ ok: true });
    },
  );

  it.each([
    ["did:web:node.example:nobody", /nobody: no agent with this DID has connected to this node/],
    ["did:web:NODE.example", /must be written did:web:node\.example$/],
    ["did:web:localhost%3A4000:nobody", /nobody: no agent/],
    ["did:web:localhost%3A4001:bob", /bob: no agent .*--peer localhost:4001=/],
    ["did:web:other.localhost", /--peer/],
    ["did:web:10.0.0.1:bob", /no URL/],
    ["did:web:", /not a DID/],
    ["did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", /did:key/],
    ["did:peer:2.Ez6LS", /did:web only/],
    ["x".repeat(10_000), /^x{100} is not a DID$/],
  ])("%s is not on another node, and the rejection has the reason", (did, reason) => {
    const checked = remoteDidCheck.check(did, "did:web:node.example:a");
    const [, why = ""] = /^unknown recipient: (.*)$/.exec(checked.ok ? "" : checked.rejection.reason) ?? [];
    expect(why).toMatch(reason);
  });

  it("accepts loopback names if loopback addresses are allowed", () => {
    const open = new RemoteDidCheck({ network: { ...network, allow: ["loopback"] }, ownHosts: [] });
    expect(open.check("did:web:localhost%3A4001:bob", "did:web:node.example:a")).toEqual({ ok: true });
  });

  it.each([
    ["node.example", "node.example", "https://node.example"],
    ["localhost%3A4000", "localhost:4000", "http://localhost:4000"],
    ["node.localhost", "node.localhost", "http://node.localhost"],
    ["notlocalhost", "notlocalhost", "https://notlocalhost"],
    ["node.example%3a8443:agents", "node.example:8443", "https://node.example:8443"],
  ])("the domain %s is at the host %s, asked at %s", (domain, host, origin) => {
    expect([hostOfDomain(domain), originOfDomain(domain)]).toEqual([host, origin]);
    expect(hostsOfUrl(origin)).toEqual([host]);
  });

  it("has no host for an invalid URL", () => {
    expect(hostsOfUrl("node.example")).toEqual([]);
  });
});

describe("problemOf", () => {
  it.each([
    ["e.m.authz.denied", "e.m.authz.denied"],
    ["w.p.me.res.storage", "w.p.me.res.storage"],
    ["not_found", "e.p.xfer.refused"],
    ["e", "e.p.xfer.refused"],
    ["e..x", "e.p.xfer.refused"],
    ["e.p.X", "e.p.xfer.refused"],
    [`e.p${".x".repeat(20)}`, "e.p.xfer.refused"],
    [undefined, "e.p.xfer.refused"],
  ])("passes the code %s of a rejection on as %s", (remoteCode, code) => {
    expect(problemOf({ code: "refused", comment: "no", ...(remoteCode !== undefined && { remoteCode }) })).toEqual({ code, comment: "no" });
  });

  it("has a code of its own for each other cause", () => {
    const codes = (["expired", "unresolved", "unreachable", "no_key", "failed"] as const).map(
      (code) => problemOf({ code, comment: "", remoteCode: "e.m.authz.denied" }).code,
    );
    expect(codes).toEqual(["e.p.msg.expired", "e.p.did.unresolved", "e.p.xfer.unreachable", "e.p.did.no-key", "e.p.xfer.failed"]);
  });
});

describe("readForward", () => {
  const forward = (body: object, ...data: readonly object[]) =>
    readForward(
      createMessage({ type: "https://didcomm.org/routing/2.0/forward", body, attachments: data.map((one) => ({ data: one })) as never }),
    );

  it("reads whom it is for, be it a DID or one of its keys", () => {
    for (const next of ["did:web:b.example", "did:web:b.example#key-1"]) {
      expect(forward({ next }, { json: { a: 1 } })).toEqual({ next: "did:web:b.example", envelopes: ['{"a":1}'] });
    }
  });

  it("reads envelopes as JSON and as base64", () => {
    const base64 = Buffer.from('{"b":2}').toString("base64url");
    expect(forward({ next: "did:web:b" }, { json: { a: 1 } }, { base64 })?.envelopes).toEqual(['{"a":1}', '{"b":2}']);
  });

  it.each([
    ["no next", {}, [{ json: {} }]],
    ["a next that is not a string", { next: 1 }, [{ json: {} }]],
    ["no attachment", { next: "did:web:b" }, []],
    ["an attachment without data", { next: "did:web:b" }, [{}]],
    ["one bad attachment among good ones", { next: "did:web:b" }, [{ json: {} }, { json: "text" }]],
  ])("refuses %s", (_, body, data) => {
    expect(forward(body, ...data)).toBeUndefined();
  });
});
