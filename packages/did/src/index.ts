// For applications
export { DidError, type DidErrorCode } from "./did-error.ts";
export { canonicalDid, didOf, isDid } from "./did-syntax.ts";
export { createDidResolver, type DidResolver, type DidResolverOptions, type ResolveOptions } from "./resolver.ts";
export { didKeyDocument, didKeyMethod, didKeyOf } from "./did-key.ts";
export { didWebMethod, type DidWebOptions } from "./did-web.ts";
export { didWebUrl, type DidWebUrlOptions } from "./did-web-url.ts";

// For readers of documents
export type { DidDocument, Service, VerificationMethod, VerificationRelationship } from "./did-document.ts";
export { parseDidDocument, type DidDocumentLimits } from "./parse-did-document.ts";
export { findVerificationMethod, publicKeyJwk, verificationMethodsOf } from "./verification-method.ts";
export type { PublicJwk } from "./jwk.ts";
export { didcommEndpoints, type DidcommEndpoint } from "./didcomm-endpoint.ts";

// For implementations of fetch
export type { DidFetch, DidFetchRequest, DidFetchResponse } from "./did-fetch.ts";
