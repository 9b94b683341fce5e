import type { JsonObject } from "@parley/core";
import { parseDidDocument, type DidResolver } from "@parley/did";

/** The DIDs that a node hosts. */
export interface HostedDocuments {
  has(did: string): boolean;
  /** The document of a hosted DID; `undefined` if the node doesn't host it. */
  document(did: string): Promise<JsonObject | undefined>;
}

/**
 * Whether the node holds the keys of a DID that it hosts. A did:key is its own key: an agent may be reached under one, but the node can't
 * sign for it, nor may the node say what its key is.
 */
export function nodeHoldsKeys(did: string): boolean {
  return !did.startsWith("did:key:");
}

/** A resolver that knows the node's own DIDs, at once and as they are now, and asks another one for the rest. */
export function createHostedResolver(hosted: HostedDocuments, others: DidResolver): DidResolver {
  return {
    resolve: async (did, options = {}) => {
      options.signal?.throwIfAborted();
      if (!hosted.has(did) || !nodeHoldsKeys(did)) return others.resolve(did, options);
      const document = await hosted.document(did);
      return document === undefined ? others.resolve(did, options) : parseDidDocument(document, did);
    },
  };
}
