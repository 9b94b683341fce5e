/** One document to get. */
export interface DidFetchRequest {
  /** What is asked for. Its host goes into the `Host` header, and is the one a certificate must be valid for. */
  readonly url: URL;
  /** Where to connect instead of the host of `url`: an origin which the operator configured and vouches for. */
  readonly connectTo?: URL;
  /** Value of the `Accept` header. */
  readonly accept: string;
  /** Fires when the document has been read, or is not wanted any more: everything that the request holds is then to be let go. */
  readonly signal: AbortSignal;
}

/** An answer whose body has not been read yet. */
export interface DidFetchResponse {
  readonly status: number;
  /** Value of the `Content-Type` header. */
  readonly contentType?: string | undefined;
  /** The body as it arrives; read at most once, and no further than its cap. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Gets a document over HTTP: one GET request, **no redirect followed**, no cookies, no credentials. What it throws becomes
 * `fetch_failed`, unless it is a {@link DidError}. `createNodeFetch` of `@parley/did/node` is one that refuses private addresses.
 */
export type DidFetch = (request: DidFetchRequest) => Promise<DidFetchResponse>;
