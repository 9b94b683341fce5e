import { runWithin } from "@parley/core/internal";
import { Resolver, type DIDResolutionResult, type ResolverRegistry } from "did-resolver";
import { DidError, notResolved } from "./did-error.ts";
import { isDid, whyNoDid } from "./did-syntax.ts";
import type { DidDocument } from "./document.ts";
import { DocumentCache, type DidCacheOptions, type Outcome } from "./document-cache.ts";
import { Flight } from "./flight.ts";
import { parseDidDocument, type DidDocumentLimits } from "./parse-document.ts";

/** Options of {@link createDidResolver}. */
export interface DidResolverOptions {
  /** Methods by name, as `did-resolver` has them: ours, and any that is made for it. */
  readonly methods: ResolverRegistry;
  /** How long documents and failures are kept; `false` keeps none. */
  readonly cache?: DidCacheOptions | false;
  /** Longest time for one DID, whatever its method. Default 10000. */
  readonly timeoutMs?: number;
  /** DIDs that are resolved at the same time; above it, new ones fail with `fetch_failed`. Default 256. */
  readonly maxConcurrent?: number;
  /** Caps on what a document may hold. */
  readonly limits?: Partial<DidDocumentLimits>;
  /** Milliseconds of a clock that never goes back; for tests. */
  readonly now?: () => number;
}

/** Options of one resolution. */
export interface ResolveOptions {
  /** Stops waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
  /**
   * Resolve again what was resolved longer ago than this, in milliseconds. For a key that a cached document lacks, because its owner may
   * have added it since; don't take 0 where a stranger chooses the key, lest they make you ask for each message.
   */
  readonly maxAgeMs?: number;
}

/** Finds the documents of DIDs. */
export interface DidResolver {
  /**
   * The document of a DID, checked, and from the cache where possible. The same DID asked for twice at once is resolved once.
   *
   * @throws DidError with any of its codes but `key_unsupported`.
   */
  resolve(did: string, options?: ResolveOptions): Promise<DidDocument>;
}

/**
 * Creates a resolver of DIDs from methods.
 *
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
  readonly #flights = new Map<string, Flight<DidDocument>>();
  readonly #timeoutMs: number;
  readonly #maxConcurrent: number;
  readonly #limits: Partial<DidDocumentLimits>;

  constructor({
    methods,
    cache = {},
    timeoutMs = 10_000,
    maxConcurrent = 256,
    limits = {},
    now = () => performance.now(),
  }: DidResolverOptions) {
    this.#methods = new Set(Object.keys(methods));
    this.#resolver = new Resolver(methods);
    this.#cache = cache === false ? undefined : new DocumentCache(cache, now);
    this.#timeoutMs = timeoutMs;
    this.#maxConcurrent = maxConcurrent;
    this.#limits = limits;
  }

  async resolve(did: string, { signal, maxAgeMs = Infinity }: ResolveOptions = {}): Promise<DidDocument> {
    signal?.throwIfAborted();
    if (!isDid(did)) throw new DidError("did_invalid", `This is not a DID: ${whyNoDid(did)}`);
    // Asked here and not of did-resolver, which would take `constructor` for a method.
    if (!this.#methods.has(did.split(":", 2)[1] ?? ""))
      throw new DidError("method_not_supported", "No method of this resolver is responsible");
    const cached = this.#cache?.get(did, maxAgeMs);
    if (cached !== undefined) return unwrap(cached);
    return (this.#flights.get(did) ?? this.#start(did)).wait(signal);
  }

  #start(did: string): Flight<DidDocument> {
    if (this.#flights.size >= this.#maxConcurrent) throw new DidError("fetch_failed", "Too many DIDs are being resolved at once");
    const flight = new Flight(
      (abandoned) => this.#resolve(did, abandoned),
      () => {
        if (this.#flights.get(did) === flight) this.#flights.delete(did);
      },
    );
    this.#flights.set(did, flight);
    return flight;
  }

  async #resolve(did: string, abandoned: AbortSignal): Promise<DidDocument> {
    let outcome: Outcome;
    try {
      const timeoutMs = this.#timeoutMs;
      const bounds = { signals: [abandoned], timeoutMs, onTimeout: () => notResolved(timeoutMs) };
      const result = await runWithin(bounds, (signal) => this.#resolver.resolve(did, { signal }));
      outcome = { document: this.#documentOf(result, did) };
    } catch (error) {
      abandoned.throwIfAborted();
      outcome = { error: error instanceof DidError ? error : new DidError("fetch_failed", "The DID's method failed", { cause: error }) };
    }
    this.#cache?.set(did, outcome);
    return unwrap(outcome);
  }

  #documentOf({ didResolutionMetadata, didDocument, didDocumentMetadata }: DIDResolutionResult, did: string): DidDocument {
    const cause: unknown = didResolutionMetadata["cause"];
    if (cause instanceof DidError) throw cause;
    const { error } = didResolutionMetadata;
    if (error === "invalidDid") throw new DidError("did_invalid", "The DID breaks the rules of its method");
    if (error === "notFound") throw new DidError("not_found", "There is no such DID");
    if (error !== undefined) throw new DidError("fetch_failed", `The DID's method failed: ${error}`);
    if (didDocumentMetadata.deactivated === true) throw new DidError("not_found", "The DID is deactivated");
    return parseDidDocument(didDocument, did, this.#limits);
  }
}

function unwrap(outcome: Outcome): DidDocument {
  if ("error" in outcome) throw outcome.error;
  return outcome.document;
}
