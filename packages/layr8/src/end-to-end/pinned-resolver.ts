import { RateLimiter } from "@parley/core/internal";
import { createDidResolver, didKeyMethod, didWebMethod, type DidDocument, type DidResolver, type ResolveOptions } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import type { ResolutionOptions } from "@parley/credentials-client";
import type { Pins } from "./pins.ts";

const REFETCHES_PER_SECOND = 1;
const MAX_REFETCHED = 10_000;

/** Creates the resolver of an agent: did:key, and did:web from the hosts of the DIDs. Nothing is asked of the agent's own node but the documents that it hosts. */
export function createAgentResolver({ allow = [], httpForLoopback = false, hosts = {}, ca }: ResolutionOptions): DidResolver {
  const fetch = createNodeFetch({ allow, ...(ca !== undefined && { ca }) });
  return createDidResolver({ methods: { ...didKeyMethod(), ...didWebMethod({ fetch, httpForLoopback, hosts }) } });
}

/** Resolves DIDs for one agent, and accepts only documents with keys that the pins accept. */
export class PinnedResolver implements DidResolver {
  readonly #others: DidResolver;
  readonly #pins: Pins;
  readonly #own: { readonly did: string; readonly document: DidDocument };
  readonly #accepted = new WeakSet<DidDocument>();
  /** Documents that are fetched again because a key is missing, by DID. A sender chooses the id of its key. */
  readonly #refetches = new RateLimiter({ perSecond: REFETCHES_PER_SECOND, maxOwners: MAX_REFETCHED });

  /** @param own the agent's keyring: its own document is not fetched. */
  constructor(others: DidResolver, pins: Pins, own: { readonly did: string; readonly document: DidDocument }) {
    this.#others = others;
    this.#pins = pins;
    this.#own = own;
  }

  async resolve(did: string, options?: ResolveOptions): Promise<DidDocument> {
    if (did === this.#own.did) return this.#own.document;
    const document = await this.#others.resolve(did, this.#mayRefetch(did, options) ? { ...options, maxAgeMs: 0 } : options);
    // A did:key is its key.
    if (did.startsWith("did:key:") || this.#accepted.has(document)) return document;
    await this.#pins.turns.run(did, () => this.#pins.check(document));
    this.#accepted.add(document);
    return document;
  }

  /** A key is missing: its owner may have rotated its keys a moment ago. */
  #mayRefetch(did: string, options: ResolveOptions | undefined): boolean {
    return options?.maxAgeMs !== undefined && this.#refetches.tryTake(did, 1);
  }

  /** Notes that the agent has begun to send to a DID. */
  contacted(did: string): Promise<void> {
    return this.#pins.turns.run(did, () => this.#pins.contacted(did));
  }

  /** Accepts the present keys of a DID, whatever they are. */
  async trust(did: string): Promise<DidDocument> {
    const document = await this.#others.resolve(did, { maxAgeMs: 0 });
    await this.#pins.turns.run(did, async () => {
      await this.#pins.forget(did);
      await this.#pins.check(document);
    });
    this.#accepted.add(document);
    return document;
  }
}
