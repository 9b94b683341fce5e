import type { DIDDocument, DIDResolver, DIDResolutionResult } from "did-resolver";
import { DidError, type DidErrorCode } from "./did-error.ts";
import type { DidDocument } from "./document.ts";

/** The error codes of DID Core and `did-resolver`; what they have no word for stays as it is. */
const RESOLUTION_ERRORS: Partial<Readonly<Record<DidErrorCode, string>>> = {
  did_invalid: "invalidDid",
  not_found: "notFound",
  method_not_supported: "unsupportedDidMethod",
};

/**
 * Makes a method of `did-resolver` of a function that gives a document or throws a DidError. The error travels in the metadata as
 * `cause`, where {@link createDidResolver} finds it; an `AbortSignal` travels in the options as `signal`.
 */
export function asMethod(resolve: (did: string, signal: AbortSignal | undefined) => Promise<DidDocument>): DIDResolver {
  return async (did, _parsed, _resolver, options): Promise<DIDResolutionResult> => {
    const signal: unknown = options["signal"];
    try {
      const document = await resolve(did, signal instanceof AbortSignal ? signal : undefined);
      return {
        didResolutionMetadata: { contentType: "application/did+json" },
        didDocument: document as unknown as DIDDocument, // the same, but read-only
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
