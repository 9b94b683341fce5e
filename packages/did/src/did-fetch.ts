/** A request for one document. */
export interface DidFetchRequest {
  /** The URL of the document. Its host is sent in the `Host` header, and the server's certificate must be valid for it. */
  readonly url: URL;
  /** Origin to connect to instead of the host of `url`. It was configured by the operator and is trusted. */
  readonly connectTo?: URL;
  /** Value of the `Accept` header. */
  readonly accept: string;
  /** Aborted when the document was read or is no longer needed. The request must then release its connection. */
  readonly signal: AbortSignal;
}

/** A response whose body is not read yet. */
export interface DidFetchResponse {
  readonly status: number;
  /** Value of the `Content-Type` header. */
  readonly contentType?: string | undefined;
  /** The body. It is read at most once, and at most up to the size limit. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Fetches a document over HTTP: one GET request **without following redirects**, without cookies and credentials. Errors other than a
 * {@link DidError} become `fetch_failed`. `createNodeFetch` of `@parley/did/node` is an implementation that rejects private addresses.
 */
export type DidFetch = (request: DidFetchRequest) => Promise<DidFetchResponse>;
