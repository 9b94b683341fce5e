/**
 * Fetches a status list credential and returns its signed text, in any of the formats.
 *
 * The URL is http or https and chosen by the issuer of the credential. Fetch it through a guard against private addresses, such as
 * `createNodeFetch` of `@parley/did/node`. Errors are reported as `status_unavailable`.
 */
export type StatusListFetch = (url: string, options: { readonly signal: AbortSignal; readonly maxBytes: number }) => Promise<string>;
