import { rejectionOf } from "@parley/test-assertions";
import { Resolver } from "did-resolver";
import { describe, expect, it } from "vitest";
import {
  createDidResolver,
  DidError,
  didWebMethod,
  type DidErrorCode,
  type DidFetch,
  type DidFetchRequest,
  type DidFetchResponse,
  type DidWebOptions,
} from "../src/index.ts";
import { expectDidError } from "./expect-error.ts";

const did = "did:web:example.com:a";
const document = { id: did, "@context": "https://www.w3.org/ns/did/v1" };

async function* bodyOf(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
}

function answer(body: unknown, rest: Partial<DidFetchResponse> = {}): DidFetch {
  return async () => ({
    status: 200,
    contentType: "application/json",
    body: bodyOf(typeof body === "string" ? body : JSON.stringify(body)),
    ...rest,
  });
}

function resolve(fetch: DidFetch, options: Partial<DidWebOptions> = {}): Promise<unknown> {
  return createDidResolver({ methods: didWebMethod({ fetch, ...options }) }).resolve(did);
}

describe("did:web", () => {
  it("requests the DID's URL, and aborts the signal at the end", async () => {
    const requests: DidFetchRequest[] = [];
    const resolved = await resolve(async (request) => {
      requests.push(request);
      return answer(document)(request);
    });
    expect(resolved).toMatchObject({ id: did });
    expect(requests.map(({ url, connectTo, accept, signal }) => [url.href, connectTo, accept, signal.aborted])).toEqual([
      ["https://example.com/a/did.json", undefined, expect.stringContaining("application/did+json"), true],
    ]);
  });

  it.each([
    "application/json",
    "application/did+json",
    "application/did+ld+json; charset=utf-8",
    "application/ld+json",
    "Application/JSON ;q=1",
    "application/did",
    "application/did; version=1.1",
    "application/vnd.example.did+json",
    "text/json; charset=utf-8",
  ])("accepts a document with the content type %s", async (contentType) => {
    expect(await resolve(answer(document, { contentType }))).toMatchObject({ id: did });
  });

  it("connects to the configured origins", async () => {
    const connected: unknown[] = [];
    const hosts = { "Example.com": "http://127.0.0.1:4000", constructor: "https://localhost" };
    const fetch: DidFetch = async (request) => {
      connected.push([request.url.href, request.connectTo?.href]);
      return answer(document)(request);
    };
    const resolver = createDidResolver({ methods: didWebMethod({ fetch, hosts }) });
    await resolver.resolve(did);
    await rejectionOf(resolver.resolve("did:web:tostring"));
    expect(connected).toEqual([
      ["https://example.com/a/did.json", "http://127.0.0.1:4000/"],
      ["https://tostring/.well-known/did.json", undefined],
    ]);
  });

  it.each(["127.0.0.1:4000", "ftp://a", "http://a/path", "http://user@a", "http://a?x", ""])("rejects the origin %j", (origin) => {
    expect(() => didWebMethod({ fetch: answer(document), hosts: { a: origin } })).toThrow(TypeError);
  });

  const endless: AsyncIterable<Uint8Array> = {
    async *[Symbol.asyncIterator]() {
      for (;;) yield new Uint8Array(1000);
    },
  };
  it.each<[string, DidFetch, DidErrorCode]>([
    ["a redirect", answer("", { status: 302 }), "fetch_failed"],
    ["a permanent redirect with a document", answer(document, { status: 308 }), "fetch_failed"],
    ["no document", answer("", { status: 404 }), "not_found"],
    ["a document that is gone", answer("", { status: 410 }), "not_found"],
    ["a server error", answer(document, { status: 500 }), "fetch_failed"],
    ["no content", answer(document, { status: 204 }), "fetch_failed"],
    ["HTML", answer("<html>", { contentType: "text/html" }), "document_invalid"],
    ["text", answer(document, { contentType: "text/plain" }), "document_invalid"],
    ["another format of DID documents", answer(document, { contentType: "application/did+cbor" }), "document_invalid"],
    ["a type that only begins like one", answer(document, { contentType: "application/didcomm-plain+jsonx" }), "document_invalid"],
    ["JSONP", answer(document, { contentType: "application/json-seq" }), "document_invalid"],
    ["no content type", answer(document, { contentType: undefined }), "document_invalid"],
    ["an empty body", answer(""), "document_invalid"],
    ["half a document", answer(JSON.stringify(document).slice(0, -1)), "document_invalid"],
    ["bytes that are not UTF-8", answer("", { body: bodyOf(Uint8Array.from([0xff, 0xfe])) }), "document_invalid"],
    ["an endless body", answer("", { body: endless }), "too_large"],
    ["a body one byte too long", answer("", { body: bodyOf(new Uint8Array(65_537)) }), "too_large"],
    ["JSON as deep as fits", answer("[".repeat(65_000)), "document_invalid"],
    ["another DID's document", answer({ id: "did:web:example.com" }), "document_invalid"],
    ["an id by __proto__", answer(`{"__proto__":{"id":"${did}"}}`), "document_invalid"],
    ["a fetch that fails", () => Promise.reject(new Error("ECONNREFUSED")), "fetch_failed"],
    ["a body that breaks off", answer("", { body: failing() }), "fetch_failed"],
    ["a fetch that rejects the address", () => Promise.reject(new DidError("refused_address", "no")), "refused_address"],
  ])("reports %s with its own code", async (_, fetch, code) => {
    expectDidError(await rejectionOf(resolve(fetch)), code);
  });

  it("ignores deep nesting in unknown members", async () => {
    expect(await resolve(answer(`{"id":"${did}","x":${"[".repeat(30_000)}${"]".repeat(30_000)}}`))).toMatchObject({ id: did });
  });

  async function* failing(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
    throw new Error("socket hang up");
  }

  const never = new Promise<never>(() => {});
  it.each<[string, DidFetch]>([
    ["never responds and ignores its signal", () => never],
    ["never ends its body", answer("", { body: { [Symbol.asyncIterator]: () => ({ next: () => never }) } })],
  ])("times out on a host that %s", async (_, fetch) => {
    const error = expectDidError(await rejectionOf(resolve(fetch, { timeoutMs: 10 })), "timeout");
    expect(error.retryable).toBe(true);
  });

  it("does not read the body of a rejected response", async () => {
    let read = false;
    const body = {
      async *[Symbol.asyncIterator]() {
        read = true;
        yield new Uint8Array(1);
      },
    };
    await rejectionOf(resolve(answer("", { status: 500, body })));
    expect(read).toBe(false);
  });

  it("works in did-resolver's own Resolver", async () => {
    const ok = await new Resolver(didWebMethod({ fetch: answer(document) })).resolve(did);
    expect([ok.didResolutionMetadata.contentType, ok.didDocument?.id]).toEqual(["application/did+json", did]);
    const gone = await new Resolver(didWebMethod({ fetch: answer("", { status: 404 }) })).resolve(did);
    expect([gone.didResolutionMetadata.error, gone.didDocument]).toEqual(["notFound", null]);
    const bad = await new Resolver(didWebMethod({ fetch: answer({}) })).resolve(did);
    expect(bad.didResolutionMetadata.error).toBe("document_invalid");
  });
});
