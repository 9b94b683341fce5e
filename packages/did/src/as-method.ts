import type { DIDDocument, DIDResolver, DIDResolutionResult } from "did-resolver";
import { DidError, type DidErrorCode } from "./did-error.ts";
import type { DidDocument } from "./did-document.ts";

/** The error codes of DID Core and `did-resolver`. Other codes are used unchanged. */
const RESOLUTION_ERRORS: Partial<Readonly<Record<DidErrorCode, string>>> = {
  did_invalid: "invalidDid",
  not_found: "notFound",
  method_not_supported: "unsupportedDidMethod",
};

/**
 * Converts a function that returns a document or throws a DidError to a method of `did-resolver`. The error is passed in the metadata as
 * `cause`, where {@link createDidResolver} reads it. An `AbortSignal` is passed in the options as `signal`.
 */
export function asMethod(resolve: (did: string, signal: AbortSignal | undefined) => Promise<DidDocument>): DIDResolver {
  return async (did, _parsed, _resolver, options): Promise<DIDResolutionResult> => {
    const signal: unknown = options["signal"];
    try {
      const document = await resolve(did, signal instanceof AbortSignal ? signal : undefined);
      return {
        didResolutionMetadata: { contentType: "application/did+json" },
        didDocument: document as unknown as DIDDocument, // differs in being read-only
        didDocumentMetadata: {},
      };
    } catch (error) {
      if (!(error instanceof DidError)) throw error;
      return {
        didResolutionMetadata: { error: RESOLUTION_ERRORS[error.code] ?? error.code, message: error.message, cause: error },
        didDocument: null,
        didDocumentMetadata: {},
      };
    }
  };
}
