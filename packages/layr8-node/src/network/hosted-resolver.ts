import type { JsonObject } from "@parley/core";
import { parseDidDocument, type DidDocument, type DidResolver, type ResolveOptions } from "@parley/did";

/** The DIDs that a node hosts. */
export interface HostedDocuments {
  has(did: string): boolean;
  /** The document of a hosted DID; `undefined` if the node doesn't host it. */
  document(did: string): Promise<JsonObject | undefined>;
}

/**
 * Whether the node holds the keys of a DID that it hosts. A did:key is its own key: an agent can be reached under one, but the node can't
 * sign for it or publish another key.
 */
export function nodeHoldsKeys(did: string): boolean {
  return !did.startsWith("did:key:");
}

/** Creates a resolver that returns the current documents of hosted DIDs, and delegates other DIDs. */
export function createHostedResolver(hosted: HostedDocuments, others: DidResolver): DidResolver {
  const resolveHosted = async (did: string, options: ResolveOptions): Promise<DidDocument> => {
    options.signal?.throwIfAborted();
    const document = await hosted.document(did);
    return document === undefined ? others.resolve(did, options) : parseDidDocument(document, did);
  };
  return {
    resolve: (did, options = {}) => (hosted.has(did) && nodeHoldsKeys(did) ? resolveHosted(did, options) : others.resolve(did, options)),
  };
}
