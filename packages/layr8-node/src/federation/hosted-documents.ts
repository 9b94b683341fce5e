import type { DidDocument, DidResolver, ResolveOptions } from "@parley/did";
import { BoundedMap } from "../bounded-map.ts";

/** Number of cached documents. */
const MAX_DOCUMENTS = 10_000;

/** Caches the documents of hosted DIDs, which don't change while they are hosted. Every outbound message needs its sender's document. */
export class HostedDocuments implements DidResolver {
  readonly #isHosted: (did: string) => boolean;
  readonly #resolver: DidResolver;
  readonly #documents = new BoundedMap<string, DidDocument>(MAX_DOCUMENTS);

  /** @param resolver finds documents, those of hosted DIDs too. */
  constructor(isHosted: (did: string) => boolean, resolver: DidResolver) {
    this.#isHosted = isHosted;
    this.#resolver = resolver;
  }

  resolve(did: string, options?: ResolveOptions): Promise<DidDocument> {
    const known = this.#documents.get(did);
    if (known !== undefined) return Promise.resolve(known);
    return this.#isHosted(did) ? this.#resolveHosted(did, options) : this.#resolver.resolve(did, options);
  }

  async #resolveHosted(did: string, options: ResolveOptions | undefined): Promise<DidDocument> {
    const document = await this.#resolver.resolve(did, options);
    // The DID may have been removed while it was resolved.
    if (this.#isHosted(did)) this.#documents.set(did, document);
    return document;
  }

  /** Drops the document of a DID that is no longer hosted. A later DID of the same name has a new one. */
  forget(did: string): void {
    this.#documents.delete(did);
  }
}
