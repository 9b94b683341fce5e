import type { DidDocument, DidResolver } from "@parley/did";
import { BoundedMap } from "./bounded-map.ts";

/** Documents of hosted DIDs that are kept. */
const MAX_DOCUMENTS = 10_000;

/** Keeps the documents of hosted DIDs, which don't change as long as they are hosted: every message needs that of its sender. */
export class HostedDocuments implements DidResolver {
  readonly #isHosted: (did: string) => boolean;
  readonly #resolver: DidResolver;
  readonly #documents = new BoundedMap<string, DidDocument>(MAX_DOCUMENTS);

  /** @param resolver finds documents, those of hosted DIDs too. */
  constructor(isHosted: (did: string) => boolean, resolver: DidResolver) {
    this.#isHosted = isHosted;
    this.#resolver = resolver;
  }

  async resolve(did: string, options?: Parameters<DidResolver["resolve"]>[1]): Promise<DidDocument> {
    const known = this.#documents.get(did);
    if (known !== undefined) return known;
    const document = await this.#resolver.resolve(did, options);
    // It may have gone meanwhile.
    if (this.#isHosted(did)) this.#documents.set(did, document);
    return document;
  }

  /** Forgets the document of a DID that is no longer hosted: one that comes after it has another. */
  forget(did: string): void {
    this.#documents.delete(did);
  }
}
