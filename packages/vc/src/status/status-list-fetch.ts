/**
 * Gets a status list credential: the signed text, in any of the formats, that a URL answers with.
 *
 * The URL is http or https and was chosen by whoever issued the credential: fetch it behind a guard against private addresses, such as
 * that of `@parley/did/node`. What this throws becomes `status_unavailable`.
 */
export type StatusListFetch = (url: string, options: { readonly signal: AbortSignal; readonly maxBytes: number }) => Promise<string>;
