import { rejectionOf } from "@parley/test-assertions";
import type { DIDDocument, DIDResolutionMetadata, DIDResolver } from "did-resolver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDidResolver, DidError, didKeyMethod, type DidErrorCode, type DidResolver, type DidResolverOptions } from "../src/index.ts";
import { expectDidError } from "./expect-error.ts";

interface Call {
  readonly did: string;
  readonly signal: AbortSignal;
  succeed(): void;
  fail(error: unknown): void;
}

/** A method `x` whose resolutions the test settles, and a clock that it sets. */
function setUp(options: Partial<DidResolverOptions> = {}): { resolver: DidResolver; calls: Call[]; advance(ms: number): void } {
  const calls: Call[] = [];
  let time = 0;
  const method: DIDResolver = (did, _parsed, _resolver, { signal }) =>
    new Promise((resolve, reject) => {
      const succeed = (): void => resolve({ didResolutionMetadata: {}, didDocument: { id: did }, didDocumentMetadata: {} });
      calls.push({ did, signal: signal as AbortSignal, succeed, fail: reject });
    });
  const resolver = createDidResolver({ methods: { x: method }, now: () => time, ...options });
  return { resolver, calls, advance: (ms) => (time += ms) };
}

async function resolved({ resolver, calls }: ReturnType<typeof setUp>, did: string, maxAgeMs = Infinity): Promise<number> {
  const before = calls.length;
  const promise = resolver.resolve(did, { maxAgeMs });
  calls[before]?.succeed();
  expect((await promise).id).toBe(did);
  return calls.length - before;
}

describe("createDidResolver", () => {
  it.each([
    "",
    "did",
    "did:x",
    "did:x:",
    "did:x:a#1",
    "did:x:a?b",
    "did:x:a/b",
    "DID:x:a",
    "did:X:a",
    `did:x:${"a".repeat(2048)}`,
    " did:x:a",
  ])("rejects %j, which is not a DID", async (did) => {
    expectDidError(await rejectionOf(setUp().resolver.resolve(did)), "did_invalid");
  });

  it.each(["did:y:a", "did:constructor:a", "did:tostring:a", "did:valueof:a"])("rejects the unsupported DID %s", async (did) => {
    expectDidError(await rejectionOf(setUp().resolver.resolve(did)), "method_not_supported");
  });

  it("throws only DidErrors, for any text", async () => {
    const resolver = createDidResolver({ methods: didKeyMethod() });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `did:key:z${text}`),
        ),
        async (text) => {
          expect(await rejectionOf(resolver.resolve(text))).toBeInstanceOf(DidError);
        },
      ),
    );
  });

  it("shares one resolution among concurrent calls", async () => {
    const { resolver, calls } = setUp();
    const all = Promise.all([resolver.resolve("did:x:a"), resolver.resolve("did:x:a"), resolver.resolve("did:x:b")]);
    expect(calls.map(({ did }) => did)).toEqual(["did:x:a", "did:x:b"]);
    for (const call of calls) call.succeed();
    expect((await all).map(({ id }) => id)).toEqual(["did:x:a", "did:x:a", "did:x:b"]);
  });

  it("caches documents for the configured time", async () => {
    const rig = setUp({ cache: { ttlMs: 100 } });
    expect(await resolved(rig, "did:x:a")).toBe(1);
    rig.advance(99);
    expect(await resolved(rig, "did:x:a")).toBe(0);
    rig.advance(1);
    expect(await resolved(rig, "did:x:a")).toBe(1);
  });

  it("resolves again if the cached document is older than maxAgeMs", async () => {
    const rig = setUp();
    await resolved(rig, "did:x:a");
    rig.advance(50);
    expect(await resolved(rig, "did:x:a", 51)).toBe(0);
    expect(await resolved(rig, "did:x:a", 50)).toBe(1);
    expect(await resolved(rig, "did:x:a", 50)).toBe(0);
  });

  it("caches failures for a short time", async () => {
    const { resolver, calls, advance } = setUp({ cache: { negativeTtlMs: 10 } });
    for (const expected of [1, 1, 2]) {
      const rejection = rejectionOf(resolver.resolve("did:x:a"));
      calls.at(-1)?.fail(new Error("down"));
      expectDidError(await rejection, "fetch_failed");
      expect(calls).toHaveLength(expected);
      advance(5);
    }
  });

  it("evicts the least recently used DIDs", async () => {
    const rig = setUp({ cache: { maxEntries: 2 } });
    for (const did of ["did:x:a", "did:x:b"]) await resolved(rig, did);
    expect(await resolved(rig, "did:x:a")).toBe(0);
    expect(await resolved(rig, "did:x:c")).toBe(1);
    expect(await resolved(rig, "did:x:a")).toBe(0);
    expect(await resolved(rig, "did:x:b")).toBe(1);
  });

  it("caches nothing if the cache is disabled", async () => {
    const rig = setUp({ cache: false });
    expect([await resolved(rig, "did:x:a"), await resolved(rig, "did:x:a")]).toEqual([1, 1]);
  });

  it("one caller can abort without affecting another", async () => {
    const { resolver, calls } = setUp();
    const abort = new AbortController();
    const impatient = rejectionOf(resolver.resolve("did:x:a", { signal: abort.signal }));
    const patient = resolver.resolve("did:x:a");
    abort.abort(new Error("enough"));
    expect(await impatient).toEqual(new Error("enough"));
    expect(calls[0]?.signal.aborted).toBe(false);
    calls[0]?.succeed();
    expect((await patient).id).toBe("did:x:a");
  });

  it("aborts once all callers have aborted, and does not cache that", async () => {
    const { resolver, calls } = setUp();
    const abort = new AbortController();
    const rejection = rejectionOf(resolver.resolve("did:x:a", { signal: abort.signal }));
    abort.abort();
    expect(await rejection).toBe(abort.signal.reason);
    await new Promise(setImmediate);
    expect(calls[0]?.signal.aborted).toBe(true);
    const again = resolver.resolve("did:x:a");
    calls[1]?.succeed();
    expect((await again).id).toBe("did:x:a");
    expect(await rejectionOf(resolver.resolve("did:x:b", { signal: abort.signal }))).toBe(abort.signal.reason);
    expect(calls).toHaveLength(2);
  });

  it("times out any method and aborts its signal", async () => {
    const { resolver, calls } = setUp({ timeoutMs: 10 });
    expectDidError(await rejectionOf(resolver.resolve("did:x:a")), "timeout");
    expect(calls[0]?.signal.aborted).toBe(true);
  });

  it("limits concurrent resolutions", async () => {
    const { resolver, calls } = setUp({ maxConcurrent: 1 });
    const first = resolver.resolve("did:x:a");
    expectDidError(await rejectionOf(resolver.resolve("did:x:b")), "fetch_failed");
    calls[0]?.succeed();
    await first;
    const second = resolver.resolve("did:x:b");
    calls[1]?.succeed();
    expect((await second).id).toBe("did:x:b");
  });

  it.each<[string, DIDResolutionMetadata, DIDDocument | null, boolean, DidErrorCode]>([
    ["not found", { error: "notFound" }, null, false, "not_found"],
    ["invalid", { error: "invalidDid" }, null, false, "did_invalid"],
    ["anything else", { error: "internalError" }, null, false, "fetch_failed"],
    ["deactivated", {}, { id: "did:x:a" }, true, "not_found"],
    ["no document", {}, null, false, "document_invalid"],
    ["another DID's document", {}, { id: "did:x:b" }, false, "document_invalid"],
  ])("maps the result of other methods: %s", async (_, didResolutionMetadata, didDocument, deactivated, code) => {
    const method: DIDResolver = async () => ({ didResolutionMetadata, didDocument, didDocumentMetadata: { deactivated } });
    expectDidError(await rejectionOf(createDidResolver({ methods: { x: method } }).resolve("did:x:a")), code);
  });
});
