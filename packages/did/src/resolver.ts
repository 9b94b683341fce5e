import { checkValues, IS_POSITIVE, runWithin } from "@parley/core/internal";
import { Resolver, type DIDResolutionResult, type ResolverRegistry } from "did-resolver";
import { DidError, timeoutError } from "./did-error.ts";
import { isDid, explainInvalidDid } from "./did-syntax.ts";
import type { DidDocument } from "./did-document.ts";
import { DocumentCache, type DidCacheOptions, type Resolution } from "./document-cache.ts";
import { SharedTask } from "./shared-task.ts";
import { parseDidDocument, readLimits, type DidDocumentLimits } from "./parse-did-document.ts";

/** Options of {@link createDidResolver}. */
export interface DidResolverOptions {
  /** Methods by name, in the format of `did-resolver`: those of this package, and any other implementation. */
  readonly methods: ResolverRegistry;
  /** Caching of documents and failures; `false` disables it. */
  readonly cache?: DidCacheOptions | false;
  /** Timeout for one DID, of any method, in milliseconds. Default 10000. */
  readonly timeoutMs?: number;
  /** Most DIDs resolved concurrently. Further ones fail with `fetch_failed`. Default 256. */
  readonly maxConcurrent?: number;
  /** Limits on the content of a document. */
  readonly limits?: Partial<DidDocumentLimits>;
  /** A monotonic clock in milliseconds; for tests. */
  readonly now?: () => number;
}

/** Options of one resolution. */
export interface ResolveOptions {
  /** Aborts the wait: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Maximum age of a cached document, in milliseconds. Set it to look up a key that the cached document lacks, since the owner may have
   * added it. Do not use 0 if a peer chooses the key id: each of its messages would cause a request.
   */
  readonly maxAgeMs?: number;
}

/** Resolves DIDs to DID documents. */
export interface DidResolver {
  /**
   * Returns the checked document of a DID, from the cache if possible. Concurrent calls for the same DID share one resolution.
   *
   * @throws DidError with any code except `key_unsupported`.
   * @throws the reason of the signal after an abort.
   */
  resolve(did: string, options?: ResolveOptions): Promise<DidDocument>;
}

/**
 * Creates a resolver with a cache from DID methods.
 *
 * @throws TypeError if an option is invalid.
 * @example
 * ```ts
 * import { createDidResolver, didKeyMethod, didWebMethod } from "@parley/did";
 * import { createNodeFetch } from "@parley/did/node";
 *
 * const resolver = createDidResolver({ methods: { ...didKeyMethod(), ...didWebMethod({ fetch: createNodeFetch() }) } });
 * const document = await resolver.resolve("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK");
 * ```
 */
export function createDidResolver(options: DidResolverOptions): DidResolver {
  return new CachingResolver(options);
}

class CachingResolver implements DidResolver {
  readonly #methods: ReadonlySet<string>;
  readonly #resolver: Resolver;
  readonly #cache: DocumentCache | undefined;
  readonly #tasks = new Map<string, SharedTask<DidDocument>>();
  readonly #timeoutMs: number;
  readonly #maxConcurrent: number;
  readonly #limits: DidDocumentLimits;

  constructor(options: DidResolverOptions) {
    checkValues(options, IS_POSITIVE, ["timeoutMs", "maxConcurrent"]);
    const { methods, cache = {}, timeoutMs = 10_000, maxConcurrent = 256, limits, now = () => performance.now() } = options;
    this.#methods = new Set(Object.keys(methods));
    this.#resolver = new Resolver(methods);
    this.#cache = cache === false ? undefined : new DocumentCache(cache, now);
    this.#timeoutMs = timeoutMs;
    this.#maxConcurrent = maxConcurrent;
    this.#limits = readLimits(limits);
  }

  async resolve(did: string, { signal, maxAgeMs = Infinity }: ResolveOptions = {}): Promise<DidDocument> {
    signal?.throwIfAborted();
    const cached = this.#cache?.get(did, maxAgeMs);
    if (cached !== undefined) return unwrap(cached);
    if (!isDid(did)) throw new DidError("did_invalid", `This is not a DID: ${explainInvalidDid(did)}`);
    // Checked here because did-resolver would accept "constructor" as a method.
    const method = did.split(":", 2)[1] ?? "";
    if (!this.#methods.has(method)) throw new DidError("method_not_supported", `The resolver does not support the method did:${method}`);
    return (this.#tasks.get(did) ?? this.#start(did)).wait(signal);
  }

  #start(did: string): SharedTask<DidDocument> {
    if (this.#tasks.size >= this.#maxConcurrent) throw new DidError("fetch_failed", "Too many DIDs are being resolved concurrently");
    const task = new SharedTask(
      (signal) => this.#resolve(did, signal),
      () => {
        if (this.#tasks.get(did) === task) this.#tasks.delete(did);
      },
    );
    this.#tasks.set(did, task);
    return task;
  }

  async #resolve(did: string, aborted: AbortSignal): Promise<DidDocument> {
    let resolution: Resolution;
    try {
      const timeoutMs = this.#timeoutMs;
      const bounds = { signals: [aborted], timeoutMs, onTimeout: () => timeoutError(timeoutMs) };
      const result = await runWithin(bounds, (signal) => this.#resolver.resolve(did, { signal }));
      resolution = { document: this.#documentOf(result, did) };
    } catch (error) {
      aborted.throwIfAborted();
      resolution = { error: error instanceof DidError ? error : new DidError("fetch_failed", "The DID method failed", { cause: error }) };
    }
    this.#cache?.set(did, resolution);
    return unwrap(resolution);
  }

  #documentOf({ didResolutionMetadata, didDocument, didDocumentMetadata }: DIDResolutionResult, did: string): DidDocument {
    const cause: unknown = didResolutionMetadata["cause"];
    if (cause instanceof DidError) throw cause;
    const { error } = didResolutionMetadata;
    if (error === "invalidDid") throw new DidError("did_invalid", "The DID violates the rules of its method");
    if (error === "notFound") throw new DidError("not_found", "The DID does not exist");
    if (error !== undefined) throw new DidError("fetch_failed", `The DID method failed: ${error}`);
    if (didDocumentMetadata.deactivated === true) throw new DidError("not_found", "The DID is deactivated");
    return parseDidDocument(didDocument, did, this.#limits);
  }
}

function unwrap(resolution: Resolution): DidDocument {
  if ("error" in resolution) throw resolution.error;
  return resolution.document;
}
